//! Flavors: what a size holds, in base units; the table for clouds whose servers do not say it themselves.
//!
//! API: <https://docs.openstack.org/api-ref/compute/#flavors>.

use super::{
    super::SourceError,
    pages::Pager,
    run::{Fault, Run},
    service::Service,
    session::Session,
};
use crate::domain::Known;
use regex::Regex;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;

const MIB: i64 = 1 << 20;
const GIB: i64 = 1 << 30;

/// A flavor's extra specs.
pub(super) type Specs = BTreeMap<String, String>;

/// A flavor as embedded in a server (from 2.47) or as listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Flavor {
    /// Of a listed one, and the only thing a server says before 2.47.
    pub(super) id: Option<String>,
    /// `original_name` in a server.
    #[serde(alias = "original_name")]
    pub(super) name: Option<String>,
    vcpus: Option<i64>,
    /// MiB; `memory_mb` and so on in notifications.
    #[serde(alias = "memory_mb")]
    ram: Option<i64>,
    /// GiB.
    #[serde(alias = "root_gb")]
    disk: Option<i64>,
    /// GiB.
    #[serde(alias = "OS-FLV-EXT-DATA:ephemeral", alias = "ephemeral_gb")]
    ephemeral: Option<i64>,
    /// MiB; before 2.75 a listed flavor without swap says "".
    #[serde(default, deserialize_with = "number_or_empty")]
    swap: Option<i64>,
    /// Absent where the policy hides them.
    pub(super) extra_specs: Option<Specs>,
}

fn number_or_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Swap {
        Number(i64),
        Text(String),
    }
    match Option::<Swap>::deserialize(d)? {
        None => Ok(None),
        Some(Swap::Number(n)) => Ok(Some(n)),
        Some(Swap::Text(t)) if t.is_empty() => Ok(None),
        Some(Swap::Text(t)) => t
            .parse()
            .map(Some)
            .map_err(|_| D::Error::custom(format!("swap `{t}` is not a number of MiB"))),
    }
}

impl Flavor {
    /// True of an embedded one that does not show its extra specs.
    pub(super) const fn hides_specs(&self) -> bool {
        self.vcpus.is_some() && self.extra_specs.is_none()
    }

    /// The flavor as facts carry it: label the name, levels in base units. `None` if it does not say its size.
    pub(super) fn known(&self, gpu_alias: &Regex) -> Option<Known> {
        let bytes = |count: Option<i64>, unit: i64| count.unwrap_or(0).checked_mul(unit);
        let disk_gib = self.disk?.checked_add(self.ephemeral.unwrap_or(0));
        let disk = bytes(disk_gib, GIB)?.checked_add(bytes(self.swap, MIB)?)?;
        let mut levels = BTreeMap::from([
            ("vcpus".to_owned(), self.vcpus?),
            ("memory_bytes".to_owned(), bytes(Some(self.ram?), MIB)?),
            ("local_disk_bytes".to_owned(), disk),
        ]);
        let gpus = self.extra_specs.as_ref().map_or(0, |s| gpus(s, gpu_alias));
        if gpus > 0 {
            levels.insert("gpus".to_owned(), gpus);
        }
        Some(Known {
            label: self.name.clone()?,
            levels,
            attrs: BTreeMap::new(),
        })
    }
}

/// GPUs that extra specs ask for: virtual and physical ones by resource class (`resources:VGPU`, `resources1:PGPU`, ...), passed-through ones by PCI alias
/// (`pci_passthrough:alias` = `name:count[,name:count]`) where the configured pattern matches the whole name.
/// What Nova itself could not read (it checks these when they are set) counts nothing.
fn gpus(specs: &Specs, gpu_alias: &Regex) -> i64 {
    let by_class = specs.iter().filter_map(|(key, value)| {
        let (group, class) = key.split_once(':')?;
        let numbered = group.strip_prefix("resources")?;
        // Groups may be numbered or named: resources1, resources_GPU0.
        let is_group =
            numbered.is_empty() || numbered.starts_with(|c: char| c == '_' || c.is_ascii_digit());
        (is_group && matches!(class, "VGPU" | "PGPU")).then(|| value.trim().parse::<i64>().ok())?
    });
    let by_alias = specs
        .get("pci_passthrough:alias")
        .into_iter()
        .flat_map(|v| v.split(','))
        .filter_map(|entry| {
            let (name, count) = entry.trim().rsplit_once(':')?;
            gpu_alias
                .is_match(name)
                .then(|| count.trim().parse::<i64>().ok())?
        });
    by_class
        .chain(by_alias)
        .filter(|n| *n > 0)
        .fold(0, i64::saturating_add)
}

/// All flavors there are.
#[derive(Debug, Default)]
pub(super) struct Flavors {
    by_id: BTreeMap<String, Flavor>,
    by_name: BTreeMap<String, String>,
}

impl Flavors {
    /// True before the list has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn insert(&mut self, flavor: Flavor) {
        if let (Some(id), Some(name)) = (flavor.id.clone(), flavor.name.clone()) {
            self.by_name.insert(name, id.clone());
            self.by_id.insert(id, flavor);
        }
    }

    /// What a server's flavor is. A server before 2.47 gives an id: the table knows the rest, unless the flavor has been deleted; then the id is its
    /// name and no level is known. A server whose extra specs are hidden gets those of the flavor of that name.
    pub(super) fn resolve(&self, embedded: &Flavor, gpu_alias: &Regex) -> Option<Known> {
        let named = embedded
            .name
            .as_ref()
            .and_then(|n| self.by_name.get(n))
            .and_then(|id| self.by_id.get(id));
        if embedded.hides_specs() {
            let extra_specs = named.and_then(|f| f.extra_specs.clone());
            return Flavor {
                extra_specs,
                ..embedded.clone()
            }
            .known(gpu_alias);
        }
        if embedded.vcpus.is_some() {
            return embedded.known(gpu_alias);
        }
        let id = embedded.id.as_ref()?;
        self.by_id
            .get(id)
            .and_then(|f| f.known(gpu_alias))
            .or_else(|| Some(Known::label(id.clone())))
    }

    /// Reads the whole list into this table; what it held before goes only once all of it has been read.
    pub(super) async fn read(
        &mut self,
        session: &Session,
        page_size: u32,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut fresh = Self::default();
        let mut pager = Pager::new(
            Service::Compute,
            format!("/flavors/detail?is_public=None&limit={page_size}"),
            "flavors",
            "id",
        );
        while let Some(page) = pager.next(session, &run.tally).await? {
            run.answered(page.reply.date, page.items.len());
            for item in page.items {
                let flavor: Flavor = serde_json::from_str(&item.body).map_err(|e| {
                    let id = item.id.unwrap_or_else(|| "(unreadable)".to_owned());
                    SourceError::from(
                        page.reply
                            .shape(&format!("flavor {id} as documented"), &e.to_string()),
                    )
                })?;
                fresh.insert(flavor);
            }
        }
        *self = fresh;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(pairs: &[(&str, &str)]) -> Specs {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn counts_gpus_of_every_form() {
        let alias = super::super::whole("gpu.*|a|a100").unwrap();
        for (given, want) in [
            (specs(&[("resources:VGPU", "1")]), 1),
            (
                specs(&[("resources1:PGPU", "2"), ("resources_GPU0:VGPU", "1")]),
                3,
            ),
            (
                specs(&[("pci_passthrough:alias", "a100:2, gpu-l4:1,nic:4")]),
                3,
            ),
            (specs(&[("pci_passthrough:alias", "my-a100:2")]), 0),
            (
                specs(&[
                    ("resources:CUSTOM_VGPU", "1"),
                    ("myresources:VGPU", "1"),
                    ("resources:VGPU", "many"),
                ]),
                0,
            ),
        ] {
            assert_eq!(gpus(&given, &alias), want, "{given:?}");
        }
    }

    fn table() -> Flavors {
        #[derive(Deserialize)]
        struct List {
            flavors: Vec<Flavor>,
        }
        let text = include_str!("../../../tests/captures/openstack/nova/flavors-detail.json");
        let mut table = Flavors::default();
        serde_json::from_str::<List>(text)
            .unwrap()
            .flavors
            .into_iter()
            .for_each(|f| table.insert(f));
        table
    }

    #[test]
    fn a_real_flavor_in_base_units() {
        let alias = super::super::whole("gpu").unwrap();
        let by_id = Flavor {
            id: Some("b9d90d8d-363a-4ea1-b444-a79cc9ee6d58".into()),
            ..Flavor::default()
        };
        let known = table().resolve(&by_id, &alias).unwrap();
        assert_eq!(known.label, "c4.large");
        assert_eq!(known.levels["vcpus"], 4);
        assert_eq!(known.levels["memory_bytes"], 8192 * MIB);
        assert_eq!(known.levels["local_disk_bytes"], 50 * GIB + 1024 * MIB);
        assert!(!known.levels.contains_key("gpus"));
    }

    #[test]
    fn hidden_extra_specs_come_from_the_table_and_a_deleted_flavor_keeps_its_id() {
        let alias = super::super::whole("gpu").unwrap();
        let mut table = table();
        table.insert(Flavor {
            id: Some("g".into()),
            name: Some("gpu.1".into()),
            extra_specs: Some(specs(&[("resources:VGPU", "2")])),
            ..Flavor::default()
        });
        let embedded = r#"{"original_name": "gpu.1", "vcpus": 8, "ram": 1, "disk": 0, "ephemeral": 0, "swap": 0}"#;
        let known = table
            .resolve(&serde_json::from_str(embedded).unwrap(), &alias)
            .unwrap();
        assert_eq!((known.label.as_str(), known.levels["gpus"]), ("gpu.1", 2));
        let gone = Flavor {
            id: Some("gone".into()),
            ..Flavor::default()
        };
        assert_eq!(table.resolve(&gone, &alias), Some(Known::label("gone")));
    }

    #[test]
    fn an_old_flavor_says_its_swap_as_text_and_an_absurd_one_is_refused() {
        let alias = super::super::whole("gpu").unwrap();
        let old: Flavor = serde_json::from_str(
            r#"{"id": "1", "name": "a", "vcpus": 1, "ram": 1, "disk": 0, "swap": ""}"#,
        )
        .unwrap();
        assert_eq!(old.known(&alias).unwrap().levels["local_disk_bytes"], 0);
        let absurd = Flavor {
            ram: Some(i64::MAX),
            ..old
        };
        assert_eq!(absurd.known(&alias), None);
        assert!(serde_json::from_str::<Flavor>(r#"{"swap": "much"}"#).is_err());
    }
}
