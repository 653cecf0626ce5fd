//! Who pays: the tenant and contract a scope belongs to, over time.

use super::Ts;
use serde::{Deserialize, Serialize};

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
    /// Nobody yet; a person has to resolve it. The usage is kept and shown.
    Unattributed {
        /// Why, in words, with the rule and the tags.
        reason: String,
    },
}

/// The word shown as tenant where nobody owns it.
pub const UNATTRIBUTED: &str = "unattributed";

impl Owner {
    /// The tenant as shown: `unattributed` where there is none.
    #[must_use]
    pub fn tenant(&self) -> &str {
        match self {
            Self::Tenant { tenant, .. } => tenant,
            Self::Unattributed { .. } => UNATTRIBUTED,
        }
    }

    /// The contract; empty where there is none.
    #[must_use]
    pub fn contract(&self) -> &str {
        match self {
            Self::Tenant { contract, .. } => contract,
            Self::Unattributed { .. } => "",
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
