//! What other lists told, for items that only name it; and the parts that items are made of.

pub(in super::super) use super::super::super::item::{Item, label};
use crate::domain::{Aspect, Known, Memory, Ts, Value, fact::kind};
use regex::Regex;
use std::collections::BTreeMap;

/// What other lists of the service told, for items that only name it, and what the configuration says of it.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Context {
    /// The project that the account is logged in to.
    pub(super) own_project: String,
    /// What was read so far shows that nothing is hidden from the account.
    pub(super) sees_all: bool,
    /// The volumes are known as they were then.
    pub(in super::super) volumes_known: Option<Ts>,
    /// Volume types by volume id.
    pub(in super::super) volume_types: BTreeMap<String, String>,
    /// Networks by id.
    pub(in super::super) networks: BTreeMap<String, Network>,
    /// Names of load balancers' flavors by id.
    pub(in super::super) balancer_flavors: BTreeMap<String, String>,
    /// Hypervisors, by the id of their provider of resources.
    pub(in super::super) hypervisors: BTreeMap<String, Hypervisor>,
    /// Shared networks of such a name are public.
    pub(in super::super) public_networks: Option<Regex>,
    /// Classes of resources of such a name are GPUs.
    pub(in super::super) gpu_alias: Option<Regex>,
}

impl Context {
    /// Notes what is remembered now.
    pub(in super::super) fn note(&mut self, memory: &Memory) {
        self.volume_types.extend(volume_types(memory));
    }
}

/// The types of remembered volumes, by volume id.
pub(in super::super) fn volume_types(memory: &Memory) -> impl Iterator<Item = (String, String)> {
    let volumes = memory
        .open
        .get(kind::VOLUME)
        .into_iter()
        .flat_map(|o| o.iter());
    volumes.filter_map(|(id, known)| {
        let size = known.sighted.get(&Aspect::Flavor)?.value.known()?;
        Some((id.clone(), size.label.clone()))
    })
}

/// A network: its name, and whether its addresses are public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Network {
    pub(in super::super) name: String,
    pub(in super::super) public: bool,
}

/// A hypervisor among the providers of resources: its name, and the providers that are parts of it, itself the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Hypervisor {
    pub(in super::super) name: String,
    pub(in super::super) parts: Vec<String>,
}

/// A size: what it is called, and one level.
pub(in super::super) fn size(label: &str, level: &str, quantity: i64) -> (Aspect, Value) {
    (
        Aspect::Flavor,
        Value::Known(Known {
            label: label.to_owned(),
            levels: BTreeMap::from([(level.to_owned(), quantity)]),
            attrs: BTreeMap::new(),
        }),
    )
}

/// A capacity in GiB.
pub(in super::super) fn capacity(gib: i64, of_type: &str) -> Result<(Aspect, Value), String> {
    let bytes = gib
        .checked_mul(1 << 30)
        .filter(|b| *b >= 0)
        .ok_or_else(|| format!("its size of {gib} GiB cannot be"))?;
    Ok(size(of_type, "capacity_bytes", bytes))
}

/// The owner, which must be told. `why`: what an account lacks that is not told.
pub(in super::super) fn owner(project: Option<&str>, why: &str) -> Result<(Aspect, Value), String> {
    label(Aspect::Owner, project).ok_or_else(|| format!("it does not say whose it is; {why}"))
}
