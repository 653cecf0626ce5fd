//! Owners as RGW names them -> scopes. Pure.
//!
//! A user is `name` or `tenant$name`. Where Keystone is asked, users are projects: `<project>`, or with implicit tenants `<project>$<project>`. Accounts
//! (Squid and later, `RGW` and 17 digits) own buckets as users do. What users are called besides, only calls tell that show their secret keys.

use crate::domain::{Known, tenancy::attr};
use std::collections::BTreeMap;

/// Whose projects users may be.
#[derive(Debug, Clone, Default)]
pub(super) struct Scopes {
    /// The source that lists them, if any.
    pub(super) openstack: Option<String>,
}

/// The scope of an owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    /// The other source whose scope it is; `None`: our own.
    pub(super) cloud: Option<String>,
    /// Its id there.
    pub(super) id: String,
}

impl Scopes {
    /// The scope of an owner.
    pub(super) fn of(&self, owner: &str) -> Scope {
        let (tenant, name) = parts(owner);
        let project = is_project(name) && (tenant.is_empty() || tenant == name);
        match &self.openstack {
            Some(cloud) if project => Scope {
                cloud: Some(cloud.clone()),
                id: name.to_owned(),
            },
            _ => Scope {
                cloud: None,
                id: owner.to_owned(),
            },
        }
    }
}

/// Tenant and name of a user; the tenant is empty where it has none.
fn parts(owner: &str) -> (&str, &str) {
    owner.split_once('$').unwrap_or(("", owner))
}

/// Keystone's ids are 32 digits of base 16.
fn is_project(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What rules may know of a scope of our own: its name, and its tenant as the domain.
pub(super) fn known(owner: &str) -> Known {
    let (tenant, name) = parts(owner);
    let domain = (!tenant.is_empty()).then(|| (attr::DOMAIN.to_owned(), tenant.to_owned()));
    Known {
        label: name.to_owned(),
        levels: BTreeMap::new(),
        attrs: domain.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "6513270e269e0d37f2a74de452e6b438";

    #[test]
    fn users_named_like_projects_are_projects_where_keystone_is_asked() {
        let asked = Scopes {
            openstack: Some("nordic-1".into()),
        };
        let of = |scopes: &Scopes, owner: &str| {
            let scope = scopes.of(owner);
            (scope.cloud.unwrap_or_default(), scope.id)
        };
        let implicit = format!("{PROJECT}${PROJECT}");
        for owner in [PROJECT, &implicit] {
            assert_eq!(of(&asked, owner), ("nordic-1".into(), PROJECT.into()));
            assert_eq!(of(&Scopes::default(), owner), (String::new(), owner.into()));
        }
        for owner in ["dave", "acme$alice", "anonymous", "RGW12345678901234567"] {
            assert_eq!(of(&asked, owner), (String::new(), owner.into()));
        }
        // Somebody's own user in a tenant that is a project's.
        let other = format!("{PROJECT}$backup");
        assert_eq!(of(&asked, &other), (String::new(), other.clone()));
    }

    #[test]
    fn rules_know_a_user_by_its_tenant_and_name() {
        let alice = known("acme$alice");
        assert_eq!(
            (alice.label.as_str(), alice.attrs[attr::DOMAIN].as_str()),
            ("alice", "acme")
        );
        assert!(known("dave").attrs.is_empty());
    }
}
