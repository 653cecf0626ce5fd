//! What clusters stand on.

use super::*;
use crate::domain::tenancy::{Idle, Platform};

#[test]
fn what_a_platform_is_made_of_is_nobodys_whatever_rules_say() {
    let marked = |projects: &[&str], cloud: Option<&str>| {
        let platform = Platform {
            cluster: "okd".into(),
            projects: projects.iter().map(|p| (*p).to_owned()).collect(),
            cloud: cloud.map(str::to_owned),
            idle: Idle::Provider,
        };
        let rules = Attribution::new(&Tenancy {
            rules: vec![tag()],
            platforms: vec![platform],
            ..Tenancy::default()
        })
        .unwrap();
        let span = [project(0, "okd-1", &["contract:A"])];
        let owners = rules.owners("cloud1", "p1", &span, at(0), at(10));
        assert_eq!(owners.len(), 1);
        owners[0].owner == Owner::Platform
    };
    for by in ["p1", "Default/okd-1", "default/okd-1"] {
        assert!(
            marked(&[by], None) && marked(&["x", by], Some("cloud1")),
            "{by}"
        );
        assert!(!marked(&[by], Some("cloud2")), "{by}");
    }
    assert!(!marked(&["okd-1", "p2"], None) && !marked(&[], None));
    let none = Owner::Platform;
    assert_eq!((none.tenant(), none.contract()), ("platform", ""));
}
