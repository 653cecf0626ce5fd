//! Whole files against the judges.

mod books;
mod ceph;
mod credits;
mod delivery;
mod hostile;
mod judged;
mod kubernetes;
mod metrics;
mod rgw;
mod shipped;
mod slo;

use super::*;
use crate::domain::{Tenancy, Ts, tenancy::Rule};
use proptest::prelude::*;
use serde_json::Value;
use std::{fs, path::Path as FilePath};

const SAMPLE: &str = "deploy/plimsoll.yaml";

fn env(name: &str) -> Option<String> {
    ["OS_PASSWORD", "RGW_ACCESS_KEY", "RGW_SECRET_KEY"]
        .contains(&name)
        .then(|| "hunter2".to_owned())
}

fn judged(text: &str) -> Result<Config, Vec<Problem>> {
    judge(
        FilePath::new("deploy/test.yaml"),
        text,
        &Overrides::default(),
        &env,
    )
}

/// A source that has to be an OpenStack region.
fn region(source: &Source) -> &OpenStack {
    match source {
        Source::OpenStack(o) => o,
        other => panic!("{other:?}"),
    }
}

/// The problems of a text, each as a line.
fn problems(text: &str) -> Vec<String> {
    let of = |p: Vec<Problem>| p.iter().map(ToString::to_string).collect();
    match judged(text) {
        Ok(config) => of(config.warnings),
        Err(problems) => of(problems),
    }
}

/// A source that lacks nothing, to stand before what is tested.
const SOUND: &str = "sources: [{kind: openstack, name: a, auth_url: https://k/v3, username: u, project: p, password: {env: OS_PASSWORD}}]\n";
