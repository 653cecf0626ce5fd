//! Meters: named quantities in base units, declared in `schemas/meters/*.toml`.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The meters that ship with the program, as text.
const SHIPPED: [(&str, &str); 6] = [
    (
        "schemas/meters/compute.toml",
        include_str!("../../schemas/meters/compute.toml"),
    ),
    (
        "schemas/meters/ceph.toml",
        include_str!("../../schemas/meters/ceph.toml"),
    ),
    (
        "schemas/meters/storage.toml",
        include_str!("../../schemas/meters/storage.toml"),
    ),
    (
        "schemas/meters/object.toml",
        include_str!("../../schemas/meters/object.toml"),
    ),
    (
        "schemas/meters/network.toml",
        include_str!("../../schemas/meters/network.toml"),
    ),
    (
        "schemas/meters/kubernetes.toml",
        include_str!("../../schemas/meters/kubernetes.toml"),
    ),
];

/// How a meter's quantity comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What is held: a level, times the seconds it is held.
    #[default]
    Level,
    /// What passes: a number of things.
    Amount,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// `compute.vcpu`.
    pub name: String,
    /// For people.
    pub description: String,
    /// Kinds of resources it is read from.
    pub resources: Vec<String>,
    /// Held or passing.
    #[serde(default)]
    pub kind: Kind,
    /// Name of the level in the aspect `flavor`; absent: the level is 1.
    pub level: Option<String>,
    /// UCUM unit of the quantity.
    pub unit: String,
    /// What may be priced apart.
    pub dimensions: Vec<String>,
    /// True where readings alone tell it, whatever state the resource is in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// Of a meter that counts what is requested, what is used, or the greater of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<Billed>,
    /// States that count, filled from the preset or the configuration.
    #[serde(default)]
    pub states: BTreeSet<String>,
}

/// A meter's second source, and which of them counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billed {
    /// The meter of what is used.
    pub usage: String,
    /// Which counts; absent: the meter is not counted at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Bills>,
}

/// Which of two quantities is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bills {
    /// What is requested.
    Request,
    /// What is used.
    Usage,
    /// In each hour of UTC the greater of both.
    Greater,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    presets: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// States that count in no preset, by kind.
    uncounted: BTreeMap<String, Vec<String>>,
    meter: Vec<Meter>,
}

fn files() -> impl Iterator<Item = Result<File, BadMeters>> {
    SHIPPED.into_iter().map(|(file, text)| {
        toml::from_str(text).map_err(|e| BadMeters::File {
            file: file.to_owned(),
            what: e.to_string(),
        })
    })
}

/// What counts for one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// The states of a named preset.
    Preset(String),
    /// These states.
    States(BTreeSet<String>),
}

/// All meters in force, with the states that count for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meters {
    /// By name.
    pub by_name: BTreeMap<String, Meter>,
}

/// Why meters could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMeters {
    /// A file that ships is broken.
    #[error("{file}: {what}")]
    File {
        /// Which.
        file: String,
        /// The parser's words.
        what: String,
    },
    /// A preset nobody declared.
    #[error("there is no preset `{preset}` for {resource} meters: known are {known}")]
    Preset {
        /// What was asked for.
        preset: String,
        /// Kind of resource.
        resource: String,
        /// Those there are.
        known: String,
    },
    /// A declaration of a name that is taken.
    #[error("the meter `{0}` ships with plimsoll already: give yours another name")]
    Taken(String),
    /// A choice for a meter that has none.
    #[error(
        "there is no meter `{0}` that can be billed by request, by usage, or by the greater of both"
    )]
    Choice(String),
    /// An override for a meter nobody declared, or that counts in any state.
    #[error("there is no meter `{0}` that counts by states")]
    Meter(String),
}

impl Meters {
    /// The shipped meters, with what counts: one preset for all, and exceptions by meter.
    ///
    /// # Errors
    /// [`BadMeters`] for an unknown preset or meter.
    pub fn shipped(preset: &str, exceptions: &BTreeMap<String, Counts>) -> Result<Self, BadMeters> {
        Self::with(preset, exceptions, &[])
    }

    /// The shipped meters and those that somebody declared, which count what imported events tell.
    ///
    /// # Errors
    /// As [`Meters::shipped`], and [`BadMeters::Taken`].
    pub fn with(
        preset: &str,
        exceptions: &BTreeMap<String, Counts>,
        declared: &[Meter],
    ) -> Result<Self, BadMeters> {
        let mut by_name = BTreeMap::new();
        let mut presets: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for parsed in files() {
            let parsed = parsed?;
            presets.extend(parsed.presets);
            by_name.extend(parsed.meter.into_iter().map(|m| (m.name.clone(), m)));
        }
        let has_states = |name: &String| by_name.get(name).is_some_and(|m| !m.read);
        if let Some(unknown) = exceptions.keys().find(|m| !has_states(m)) {
            return Err(BadMeters::Meter(unknown.clone()));
        }
        for meter in by_name.values_mut().filter(|m| !m.read) {
            let whole = Counts::Preset(preset.to_owned());
            meter.states = match exceptions.get(&meter.name).unwrap_or(&whole) {
                Counts::States(states) => states.clone(),
                Counts::Preset(name) => {
                    let mut states = BTreeSet::new();
                    for resource in &meter.resources {
                        let known = presets.get(resource);
                        let of_kind =
                            known
                                .and_then(|p| p.get(name))
                                .ok_or_else(|| BadMeters::Preset {
                                    preset: name.clone(),
                                    resource: resource.clone(),
                                    known: known.map_or_else(String::new, |p| {
                                        p.keys().cloned().collect::<Vec<_>>().join(", ")
                                    }),
                                })?;
                        states.extend(of_kind.iter().cloned());
                    }
                    states
                }
            };
        }
        for meter in declared {
            if by_name.contains_key(&meter.name) {
                return Err(BadMeters::Taken(meter.name.clone()));
            }
            by_name.insert(meter.name.clone(), meter.clone());
        }
        Ok(Self { by_name })
    }

    /// The same, with what is billed by meters that have the choice.
    ///
    /// # Errors
    /// [`BadMeters::Choice`] for another meter.
    pub fn billed(mut self, by: &BTreeMap<String, Bills>) -> Result<Self, BadMeters> {
        for (name, by) in by {
            let meter = self.by_name.get_mut(name);
            match meter.and_then(|m| m.billed.as_mut()) {
                Some(billed) => billed.by = Some(*by),
                None => return Err(BadMeters::Choice(name.clone())),
            }
        }
        Ok(self)
    }

    /// Every state that what a shipped meter counts can be in; empty for a meter that is not shipped.
    #[must_use]
    pub fn states_of(meter: &str) -> BTreeSet<String> {
        files()
            .flatten()
            .filter_map(|file| {
                let kinds = &file.meter.iter().find(|m| m.name == meter)?.resources;
                let counted = kinds
                    .iter()
                    .filter_map(|k| file.presets.get(k))
                    .flat_map(BTreeMap::values)
                    .flatten();
                let others = kinds.iter().filter_map(|k| file.uncounted.get(k)).flatten();
                Some(counted.chain(others).cloned().collect::<Vec<_>>())
            })
            .flatten()
            .collect()
    }

    /// Meters read from one kind of resource, in the order of their names.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Meter> {
        self.by_name
            .values()
            .filter(move |m| m.resources.iter().any(|r| r == kind))
    }

    /// The kinds of resources that are metered, each once.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<&str> {
        self.by_name
            .values()
            .flat_map(|m| m.resources.iter().map(String::as_str))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_exceptions() {
        let exceptions = BTreeMap::from([
            (
                "compute.vcpu".to_owned(),
                Counts::Preset("active".to_owned()),
            ),
            (
                "compute.gpu".to_owned(),
                Counts::States(BTreeSet::from(["shelved".to_owned()])),
            ),
        ]);
        let m = Meters::shipped("existence", &exceptions).unwrap();
        assert!(m.by_name["compute.instance"].states.contains("stopped"));
        assert!(!m.by_name["compute.vcpu"].states.contains("stopped"));
        assert_eq!(m.by_name["compute.gpu"].states.len(), 1);
        assert!(
            m.by_name.values().all(|m| !m.states.contains("building")),
            "nobody pays for waiting"
        );
    }

    #[test]
    fn unknown_names_are_errors_that_name_what_is_known() {
        let e = Meters::shipped("forever", &BTreeMap::new())
            .unwrap_err()
            .to_string();
        assert!(
            e.contains("forever") && e.contains("active, existence"),
            "{e}"
        );
        let e = Meters::shipped(
            "active",
            &BTreeMap::from([("x".to_owned(), Counts::Preset("active".into()))]),
        );
        assert_eq!(e, Err(BadMeters::Meter("x".to_owned())));
    }
}
