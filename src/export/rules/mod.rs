//! Prometheus rules, and the tests that `promtool` runs on them: for metering itself and for every objective.
//!
//! The same configuration gives the same bytes. The rules work on counts, never on averages of ratios, so an hour of failure at peak weighs as much as it
//! should; `docs/alerts.md` says what to do when one of them fires.

mod file;
mod metering;
pub(super) mod slo;

use super::{ExportError, files::Staging};
use crate::{config::Config, slo::Slo};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Where the runbooks are, relative to this repository.
const RUNBOOKS: &str = "docs/alerts.md";

pub(super) type Labels = BTreeMap<String, String>;

/// Rules evaluated one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Record {
        name: String,
        expr: String,
        labels: Labels,
    },
    Alert(Alert),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Alert {
    name: String,
    expr: String,
    /// Minutes it has to hold.
    for_min: u32,
    labels: Labels,
    annotations: Labels,
}

impl Alert {
    /// What `promtool` is to see where it fires: labels of the series, and what stands for `{{ $value ... }}`.
    fn fired(&self, series: &[(&str, &str)], value: &str) -> Fired {
        let mut labels = owned(series);
        labels.extend(self.labels.clone());
        let told = |text: &String| {
            let text = labels.iter().fold(text.clone(), |t, (k, v)| {
                t.replace(&format!("{{{{ $labels.{k} }}}}"), v)
            });
            match (text.find("{{ $value"), text.find("}}")) {
                (Some(from), Some(to)) if from < to => {
                    format!("{}{value}{}", &text[..from], &text[to + 2..])
                }
                _ => text,
            }
        };
        let annotations = self
            .annotations
            .iter()
            .map(|(k, v)| (k.clone(), told(v)))
            .collect();
        Fired {
            labels,
            annotations,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fired {
    labels: Labels,
    annotations: Labels,
}

/// A test: series of one sample a minute, and what is to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Test {
    name: String,
    series: Vec<(String, String)>,
    alerts: Vec<Expected>,
    seen: Vec<Seen>,
}

/// An alert among others of its name: whether there is such a series.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    at_min: u32,
    expr: String,
    sample: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    at_min: u32,
    alert: String,
    fired: Vec<Fired>,
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// The rule file and its tests, as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFiles {
    /// For `rule_files` of Prometheus.
    pub rules: String,
    /// For `promtool test rules`.
    pub tests: String,
}

/// Makes the rules of a configuration. `rules_name` is the file name by which the tests find the rules.
#[must_use]
pub fn make(config: &Config, slos: &[Slo], rules_name: &str) -> RuleFiles {
    let mut groups = Vec::new();
    let mut tests = Vec::new();
    let (metering, tested) = metering::rules(config);
    groups.push(metering);
    tests.extend(tested);
    let (made, tested) = slo::rules(slos);
    groups.extend(made);
    tests.extend(tested);
    RuleFiles {
        rules: file::rules(&groups),
        tests: file::tests(rules_name, &tests),
    }
}

/// Writes the rules to `out` and their tests beside them (`x.yaml` and `x.test.yaml`), both whole or neither.
///
/// # Errors
/// [`ExportError::Io`].
pub fn write(config: &Config, slos: &[Slo], out: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let name = |suffix: &str| {
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let ending = out
            .extension()
            .map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
        format!("{stem}{suffix}{ending}")
    };
    let names = [name(""), name(".test")];
    let made = make(config, slos, &names[0]);
    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let staging = Staging::new(parent, true)?;
    for (name, text) in names.iter().zip([&made.rules, &made.tests]) {
        let mut file = staging.create(name)?;
        file.all(text.as_bytes())?;
        file.finish()?;
    }
    staging.publish(names.iter().map(String::as_str))
}
