//! Who pays: the tenant and contract a scope belongs to, over time.

use super::Ts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who a scope's usage belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A tenant, under a contract.
    Tenant {
        /// The customer.
        tenant: String,
        /// The terms.
        contract: String,
    },
    /// Nobody: a platform is made of it, and whoever uses the platform pays for their part of that.
    Platform,
    /// Nobody yet; a person has to resolve it. The usage is kept and shown.
    Unattributed {
        /// Why, in words, with the rule and the tags.
        reason: String,
    },
}

/// The word shown as tenant where nobody owns it.
pub const UNATTRIBUTED: &str = "unattributed";
/// The word shown as tenant, with an empty contract, of what a platform is made of: it is measured, and never on a bill.
pub const PLATFORM: &str = "platform";

/// True of the tenant and contract of what a platform is made of. A customer of that name has a contract.
#[must_use]
pub fn is_platform(tenant: &str, contract: &str) -> bool {
    tenant == PLATFORM && contract.is_empty()
}

impl Owner {
    /// The tenant as shown: `unattributed` where there is none.
    #[must_use]
    pub fn tenant(&self) -> &str {
        match self {
            Self::Tenant { tenant, .. } => tenant,
            Self::Platform => PLATFORM,
            Self::Unattributed { .. } => UNATTRIBUTED,
        }
    }

    /// The contract; empty where there is none.
    #[must_use]
    pub fn contract(&self) -> &str {
        match self {
            Self::Tenant { contract, .. } => contract,
            Self::Platform | Self::Unattributed { .. } => "",
        }
    }
}

/// A scope's owner over `[start, end)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnerSpan {
    /// From.
    pub start: Ts,
    /// Until, exclusive.
    pub end: Ts,
    /// Who.
    pub owner: Owner,
}

/// A scope: its name for people and who owned it when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `domain/project`, as last seen; the id where it was never listed.
    pub name: String,
    /// Covers all time, without overlap.
    pub owners: Vec<OwnerSpan>,
}

/// All scopes, by (cloud, scope id).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(pub BTreeMap<(String, String), Scope>);

impl Scopes {
    /// One scope.
    #[must_use]
    pub fn get(&self, cloud: &str, scope: &str) -> Option<&Scope> {
        self.0.get(&(cloud.to_owned(), scope.to_owned()))
    }
}
