//! Judges the section `slo`: OpenSLO files -> [`Slo`]s, and exclusions.
//!
//! OpenSLO leaves open what a query is, when a calendar window begins, and what several objectives of one SLO mean. Whatever could be read in two ways is
//! refused with a hint, rather than counted in one of them.

mod alertmanagers;
mod parts;

use super::{
    checker::Checker,
    openslo::{self as o, Document, Kind},
    problem::{At, Path, Problem},
    raw, schema, shape,
    types::Slos,
    yaml::{self, Node},
};
use crate::slo::{Alpha, Exclusion, Objective, Sli, Slo, Target, is_label};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// What an annotation of ours begins with.
const OURS: &str = "plimsoll/";

/// Judges the section, and the files that it names.
pub(super) fn slo(
    c: &mut Checker<'_>,
    raw: raw::SloSection,
    zone: Tz,
    probes: &BTreeSet<&str>,
) -> Slos {
    let path = Path::default().key("slo");
    let mut files: Vec<PathBuf> = Vec::new();
    for (i, file) in raw.files.iter().enumerate() {
        let file = c.beside(file);
        if file.is_file() {
            files.push(file);
        } else {
            let hint = "the path is relative to the configuration's directory";
            c.error(
                &path.key("files").index(i),
                format!("{} is not there", file.display()),
                hint,
            );
        }
    }
    let (slos, problems) = read(&files);
    c.problems.extend(problems);
    for slo in &slos {
        if let Sli::Probe { probe, .. } = &slo.sli
            && !probes.contains(probe.as_str())
        {
            let what = format!(
                "the SLO `{}` is of a probe `{probe}` that no source of kind `probes` has",
                slo.name
            );
            let hint = shape::unknown_hint(probe, probes.iter().copied());
            c.error(&path.key("files"), what, hint);
        }
    }
    let names: BTreeSet<&str> = slos.iter().map(|s| s.name.as_str()).collect();
    let mut exclusions = Vec::new();
    for (i, part) in raw.exclusions.into_iter().enumerate() {
        let path = path.key("exclusions").index(i);
        let Some(e) = c.part(part, &path) else {
            continue;
        };
        for (i, slo) in e
            .slos
            .iter()
            .enumerate()
            .filter(|(_, s)| !names.contains(s.as_str()))
        {
            let hint = shape::unknown_hint(slo, names.iter().copied());
            c.error(
                &path.key("slos").index(i),
                format!("there is no SLO `{slo}`"),
                hint,
            );
        }
        let times = (
            e.from.0.in_zone(zone),
            e.to.0.in_zone(zone),
            e.decided.0.in_zone(zone),
        );
        let (Some(from), Some(to), Some(decided)) = times else {
            continue;
        };
        if from >= to {
            c.error(
                &path.key("to"),
                "is not after `from`",
                "an exclusion has a beginning and, later, an end",
            );
        }
        exclusions.push(Exclusion {
            slos: e.slos,
            from,
            to,
            who: e.who,
            why: e.why,
            decided,
        });
    }
    let (to, every) = (raw.alertmanagers, raw.alert_every);
    let alertmanagers = alertmanagers::alertmanagers(c, to, every, &slos, &path);
    Slos {
        slos,
        exclusions,
        alertmanagers,
    }
}

/// Reads OpenSLO from a text: the SLOs, if all of it is sound.
///
/// # Errors
/// All problems at once, with `name` in place of a file.
pub fn slos_from_text(name: &str, text: &str) -> Result<Vec<Slo>, Vec<Problem>> {
    let (file, mut problems) = (PathBuf::from(name), Vec::new());
    let documents = yaml::parse_all(&file, text, &mut problems)
        .into_iter()
        .map(|n| (file.clone(), n))
        .collect();
    match judge(documents, problems) {
        (slos, problems) if problems.is_empty() => Ok(slos),
        (_, problems) => Err(problems),
    }
}

/// Reads OpenSLO files: the SLOs that are sound, and every problem. Services and SLIs of one file serve the others.
pub(super) fn read(files: &[PathBuf]) -> (Vec<Slo>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    for file in files {
        match yaml::read_text(file) {
            Ok(text) => documents.extend(
                yaml::parse_all(file, &text, &mut problems)
                    .into_iter()
                    .map(|n| (file.clone(), n)),
            ),
            Err(problem) => problems.push(problem),
        }
    }
    judge(documents, problems)
}

/// A document under judgement, once its shape is known to be right.
struct Judged<T> {
    file: PathBuf,
    root: Node,
    is: Document<T>,
}

fn judge(documents: Vec<(PathBuf, Node)>, mut problems: Vec<Problem>) -> (Vec<Slo>, Vec<Problem>) {
    let (mut services, mut slis, mut slos) = (Vec::new(), Vec::new(), Vec::new());
    for (file, root) in documents {
        let kind = root.get("kind").and_then(Node::text);
        match kind.and_then(|k| serde_json::from_value(k.into()).ok()) {
            Some(Kind::Service) => services.extend(shaped::<o::Service>(file, root, &mut problems)),
            Some(Kind::Sli) => slis.extend(shaped::<o::Sli>(file, root, &mut problems)),
            Some(Kind::Slo) => slos.extend(shaped::<o::Slo>(file, root, &mut problems)),
            None => {
                let path = Path::default().key("kind");
                let what = kind.map_or_else(
                    || "is missing".to_owned(),
                    |k| format!("`{k}` is not taken"),
                );
                let hint = "SLO, SLI or Service of OpenSLO v1; alerts, conditions and data sources come from the objective and the configuration";
                problems.push(Problem::error(&file, root.locate(&path), &path, what, hint));
            }
        }
    }
    let services = unique(services, "Service", &mut problems);
    let slis = unique(slis, "SLI", &mut problems);
    let slos = unique(slos, "SLO", &mut problems);
    let mut sound = Vec::new();
    for (_, slo) in slos {
        let mut c = Checker {
            file: slo.file,
            root: slo.root,
            problems: Vec::new(),
            env: &|_| None,
        };
        let read = objective(&mut c, &slo.is, &services, &slis);
        sound.extend(read.filter(|_| c.problems.is_empty()));
        problems.extend(c.problems);
    }
    (sound, problems)
}

fn shaped<T: DeserializeOwned + JsonSchema>(
    file: PathBuf,
    root: Node,
    problems: &mut Vec<Problem>,
) -> Option<Judged<T>> {
    let before = problems.len();
    let value = shape::check(
        &file,
        &root,
        &schema::of::<Document<T>>("OpenSLO"),
        problems,
    )?;
    if problems.len() > before {
        return None;
    }
    match serde_json::from_value(value) {
        Ok(is) => Some(Judged { file, root, is }),
        Err(e) => {
            let top = Path::default();
            problems.push(Problem::error(
                &file,
                root.locate(&top),
                &top,
                e.to_string(),
                "compare it with deploy/slo/openstack.yaml",
            ));
            None
        }
    }
}

fn unique<T>(
    all: Vec<Judged<T>>,
    what: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Judged<T>> {
    let mut by_name: BTreeMap<String, Judged<T>> = BTreeMap::new();
    for one in all {
        let name = one.is.metadata.name.clone();
        if let Some(first) = by_name.get(&name) {
            let path = Path::default().key("metadata").key("name");
            let At { line, .. } = first.root.locate(&path);
            let said = format!(
                "is the name of another {what}, at {}:{line}",
                first.file.display()
            );
            problems.push(Problem::error(
                &one.file,
                one.root.locate(&path),
                &path,
                said,
                "give one of them another name",
            ));
        } else {
            by_name.insert(name, one);
        }
    }
    by_name
}

fn objective(
    c: &mut Checker<'_>,
    is: &Document<o::Slo>,
    services: &BTreeMap<String, Judged<o::Service>>,
    slis: &BTreeMap<String, Judged<o::Sli>>,
) -> Option<Slo> {
    let spec = Path::default().key("spec");
    let o::Slo {
        service,
        indicator,
        indicator_ref,
        ..
    } = &is.spec;
    if !services.contains_key(service) {
        let hint = shape::unknown_hint(service, services.keys().map(String::as_str));
        c.error(
            &spec.key("service"),
            format!("there is no Service `{service}`"),
            hint,
        );
    }
    untaken(c, &is.spec, &spec);
    let extras = extensions(c, &is.metadata);
    let sli = match (indicator, indicator_ref) {
        (Some(i), None) => parts::indicator_of(c, &i.spec, &spec.key("indicator").key("spec")),
        (None, Some(name)) => match slis.get(name) {
            Some(sli) => {
                let mut at = Checker {
                    file: sli.file.clone(),
                    root: sli.root.clone(),
                    problems: Vec::new(),
                    env: &|_| None,
                };
                let read = parts::indicator_of(&mut at, &sli.is.spec, &spec);
                c.problems.extend(at.problems);
                read
            }
            None => {
                let hint = shape::unknown_hint(name, slis.keys().map(String::as_str));
                c.error(
                    &spec.key("indicatorRef"),
                    format!("there is no SLI `{name}`"),
                    hint,
                );
                None
            }
        },
        _ => {
            c.error(
                &spec.key("indicatorRef"),
                "an SLO has one indicator",
                "give either `indicatorRef` or `indicator`",
            );
            None
        }
    };
    let window = parts::window(c, &is.spec.time_window, &spec.key("timeWindow"));
    let target = parts::target(c, &is.spec.objectives, &spec.key("objectives"));
    let (mut sli, window, target) = (sli?, window?, target?);
    if let Sli::Counters { tenant, .. } = &mut sli {
        tenant.clone_from(&extras.tenant_label);
    }
    if extras.per_tenant && matches!(&sli, Sli::Probe { .. }) {
        let path = Path::default().key("metadata").key("annotations");
        c.error(
            &path.key("plimsoll/per-tenant"),
            "probes are nobody's: all share one budget",
            "remove it",
        );
    }
    if extras.per_tenant && matches!(&sli, Sli::Counters { tenant: None, .. }) {
        let path = Path::default().key("metadata").key("annotations");
        c.error(
            &path.key("plimsoll/per-tenant"),
            "counters do not say whose they are",
            "name their label by `plimsoll/tenant-label`",
        );
    }
    let slo = Slo {
        name: is.metadata.name.clone(),
        title: is
            .metadata
            .display_name
            .clone()
            .unwrap_or_else(|| is.metadata.name.clone()),
        description: is.spec.description.clone().unwrap_or_default(),
        service: service.clone(),
        sli,
        objective: Objective {
            target,
            per_tenant: extras.per_tenant,
            tenants: extras.tenants,
        },
        window,
        alpha: extras.alpha,
    };
    let each = slo
        .objective
        .tenants
        .keys()
        .map(|t| Some(t.as_str()))
        .chain([None]);
    if each.into_iter().any(|t| slo.pairs(t).is_empty()) {
        c.error(
            &spec.key("objectives"),
            "no burn rate can ever exceed it",
            "a total outage burns at most 1 / (1 - target) times as fast as allowed",
        );
    }
    Some(slo)
}

/// Names what is part of OpenSLO and cannot be taken at its word.
fn untaken(c: &mut Checker<'_>, slo: &o::Slo, spec: &Path) {
    if slo.alert_policies.is_some() {
        c.error(
            &spec.key("alertPolicies"),
            "is not taken",
            "alerts follow from the objective (`plimsoll rules`): remove it",
        );
    }
    if !matches!(slo.budgeting_method, None | Some(o::Budgeting::Occurrences)) {
        let hint =
            "write Occurrences: by time slices a minute at night weighs as much as one at peak";
        c.error(
            &spec.key("budgetingMethod"),
            "only events are counted",
            hint,
        );
    }
}

/// What our annotations add.
#[derive(Default)]
struct Extensions {
    per_tenant: bool,
    tenant_label: Option<String>,
    tenants: BTreeMap<String, Target>,
    alpha: Alpha,
}

fn extensions(c: &mut Checker<'_>, metadata: &o::Metadata) -> Extensions {
    let mut all = Extensions::default();
    let path = Path::default().key("metadata").key("annotations");
    for (key, value) in &metadata.annotations {
        let Some(name) = key.strip_prefix(OURS) else {
            continue;
        };
        let path = path.key(key);
        match (name, name.strip_prefix("target.")) {
            ("per-tenant", _) => match value.as_str() {
                "true" => all.per_tenant = true,
                "false" => {}
                _ => c.error(
                    &path,
                    format!("`{value}` is neither true nor false"),
                    "write it in quotes: \"true\"",
                ),
            },
            ("tenant-label", _) if is_label(value) => all.tenant_label = Some(value.clone()),
            ("tenant-label", _) => c.error(
                &path,
                format!("`{value}` is no label"),
                "name the label that says whose a counter is: project_id",
            ),
            ("alpha", _) => match Alpha::parse(value) {
                Some(alpha) => all.alpha = alpha,
                None => c.error(
                    &path,
                    format!("`{value}` is no probability"),
                    "above 0, at most 0.1: \"0.0001\"",
                ),
            },
            (_, Some(tenant)) => match Target::parse(value) {
                Ok(target) => drop(all.tenants.insert(tenant.to_owned(), target)),
                Err(e) => c.error(&path, e.to_string(), ""),
            },
            _ => {
                let known = ["per-tenant", "tenant-label", "alpha", "target.TENANT"];
                c.error(
                    &path,
                    format!("`{key}` is no annotation of ours"),
                    shape::unknown_hint(name, known.into_iter()),
                );
            }
        }
    }
    if !all.tenants.is_empty() && !all.per_tenant {
        c.error(
            &path,
            "targets of tenants stand without `plimsoll/per-tenant`",
            "add plimsoll/per-tenant: \"true\"",
        );
    }
    all
}
