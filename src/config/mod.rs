//! Configuration: one YAML file -> validated types. Every error at once, with file:line:col, key path and hint.
//!
//! A file passes four judges. `yaml` reads it into a tree that knows where everything stands; `shape` holds the tree
//! against the schema of the raw types (unknown keys, missing keys, forms of values); what has passed becomes those raw
//! types; the judges of the sections then ask what only they know: are names unique, are secrets there, do rules agree. A
//! part that was refused does not keep the others from being judged.

pub mod book;
mod check;
mod checker;
mod clouds;
pub mod credits;
pub mod delivery;
mod kubeconfig;
mod leaf;
mod login;
mod openslo;
mod problem;
mod raw;
mod schema;
mod sections;
mod shape;
mod slo;
mod sources;
mod tenancy;
#[cfg(test)]
mod tests;
mod types;
mod yaml;

pub use check::{Holds, Report, check};
pub use problem::{Problem, Severity};
pub use schema::{credits_schema, price_book_schema, schema};
pub use slo::slos_from_text;
pub use types::{
    Account, Alertmanager, Alertmanagers, Ca, Ceph, Config, Credentials, Delivery, Http, HttpLogin,
    KubeletPage, Kubelets, Kubernetes, MeterRules, Metering, Metric, MetricOwner, MetricsFrom,
    MetricsServer, Notifications, OpenStack, Probe, ProbeOf, ProbedService, Probes, Prometheus,
    Rgw, Secret, SecretGone, SeriesOf, Slos, Source, Store, StoreAt, Target,
};

pub use yaml::plain as plain_yaml;

use checker::{Checker, Env};
use problem::{At, Path};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path as FilePath, PathBuf},
};

/// What the command line says over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--data-dir`, relative to the working directory.
    pub data_dir: Option<PathBuf>,
}

/// Reads and judges a configuration. Reads the files that it names and the environment; reaches nothing else.
///
/// # Errors
/// Every problem at once, warnings included; at least one of them an error.
pub fn load(path: Option<&FilePath>, overrides: &Overrides) -> Result<Config, Vec<Problem>> {
    load_with(path, overrides, &|name| std::env::var(name).ok())
}

fn load_with(
    path: Option<&FilePath>,
    overrides: &Overrides,
    env: Env<'_>,
) -> Result<Config, Vec<Problem>> {
    let Some(path) = path else {
        let hint = "name one by --config or PLIMSOLL_CONFIG: deploy/quickstart.yaml runs at once on a simulated cloud, \
                    deploy/plimsoll.yaml is the commented example to copy";
        let file = FilePath::new("plimsoll");
        return Err(vec![Problem::error(
            file,
            At::NOWHERE,
            &Path::default(),
            "there is no configuration",
            hint,
        )]);
    };
    let text = yaml::read_text(path).map_err(|problem| vec![problem])?;
    judge(path, &text, overrides, env)
}

fn judge(
    file: &FilePath,
    text: &str,
    overrides: &Overrides,
    env: Env<'_>,
) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(root) = yaml::parse(file, text, &mut problems) else {
        return Err(problems);
    };
    let shaped = shape::check(file, &root, &schema(), &mut problems);
    let mut c = Checker {
        file: file.to_owned(),
        root,
        problems,
        env,
    };
    let config = shaped.and_then(|value| sections(&mut c, value, overrides));
    let (mut errors, warnings): (Vec<Problem>, Vec<Problem>) =
        c.problems.into_iter().partition(Problem::is_error);
    match config {
        Some(config) if errors.is_empty() => Ok(Config { warnings, ..config }),
        _ => {
            errors.sort_by(|a, b| {
                (a.file != file, &a.file, a.line, a.col).cmp(&(
                    b.file != file,
                    &b.file,
                    b.line,
                    b.col,
                ))
            });
            errors.extend(warnings);
            Err(errors)
        }
    }
}

fn sections(
    c: &mut Checker<'_>,
    mut value: serde_json::Value,
    overrides: &Overrides,
) -> Option<Config> {
    // Without sources the rest is judged all the same; that they are missing is known.
    if value["sources"].is_null() {
        value["sources"] = serde_json::json!([]);
    }
    let top = Path::default();
    let part = raw::Part(serde_json::from_value::<raw::Plimsoll>(value).ok());
    let raw = c.part(part, &top)?;
    let store = c
        .part(raw.store, &top.key("store"))
        .and_then(|s| sections::store(c, s, overrides.data_dir.clone()));
    let names: BTreeSet<String> = raw
        .sources
        .iter()
        .filter_map(|s| s.0.as_ref())
        .map(|s| s.name().to_owned())
        .collect();
    let is_cluster = |s: &&raw::Source| matches!(s, raw::Source::Kubernetes(_));
    let all = raw.sources.iter().filter_map(|s| s.0.as_ref());
    let clusters: BTreeSet<String> = all
        .filter(is_cluster)
        .map(|s| s.name().to_owned())
        .collect();
    let meters = c
        .part(raw.meters, &top.key("meters"))
        .map(|m| sections::meters(c, m));
    let known = sources::Known {
        meters: meters.as_ref().map(|m| m.declared.as_slice()),
        sources: &names,
    };
    let sources = sources::sources(c, raw.sources, known);
    let zone = meters.as_ref().map_or(chrono_tz::UTC, |m| m.time_zone);
    let tenancy = c
        .part(raw.tenancy, &top.key("tenancy"))
        .map(|t| tenancy::tenancy(c, t, &names, &clusters, zone));
    let prices = raw
        .prices
        .and_then(|p| c.part(p, &top.key("prices")))
        .and_then(|p| {
            let none = BTreeMap::new();
            let contracts = tenancy.as_ref().map_or(&none, |t| &t.contracts);
            sections::prices(c, &p, zone, contracts)
        });
    if let Some(meters) = &meters {
        sections::billed(c, meters, prices.as_ref(), &sources);
    }
    let http = c
        .part(raw.http, &top.key("http"))
        .map(|h| sections::http(c, &h));
    let probes = sources.iter().flat_map(|s| match s {
        Source::Probes(p) => p.probes.as_slice(),
        _ => &[],
    });
    let probes = probes.map(|p| p.name.as_str()).collect();
    let slo = c
        .part(raw.slo, &top.key("slo"))
        .map(|s| slo::slo(c, s, zone, &probes));
    let delivery = c
        .part(raw.delivery, &top.key("delivery"))
        .map(|d| delivery::delivery(c, d));
    Some(Config {
        path: c.file.clone(),
        store: store?,
        sources,
        tenancy: tenancy?,
        meters: meters?,
        prices,
        http: http?,
        slo: slo?,
        delivery: delivery?,
        warnings: Vec::new(),
    })
}
