//! Usage of the nodes that clusters consist of: shared out over the pods they carry, as rows beside the others.

use super::usage::Rules;
use crate::{
    domain::{
        Aspect, Life, Owner, Period, Ts, UsageRow,
        fact::kind,
        ownership::{PLATFORM, Scopes},
        tenancy::Idle,
    },
    fold::{
        measure::Window,
        nodes::{Carried, Day, Of, Share, dimension},
        sums::Summing,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// The clusters whose nodes are shared out, under way through all resources. **Memory usage**: that of [`Carried`], and about 100 bytes a server.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    by_name: BTreeMap<String, (Idle, Carried)>,
    /// Of each server its source and its project.
    servers: HashMap<String, (String, String)>,
}

/// A project that carries nodes of a cluster and is not marked as the platform's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmarked {
    /// The cluster.
    pub cluster: String,
    /// The source of the project.
    pub source: String,
    /// The project, by name if it has one.
    pub project: String,
    /// How many nodes.
    pub nodes: usize,
}

impl fmt::Display for Unmarked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            source,
            project,
            nodes,
        } = self;
        write!(
            f,
            "{nodes} nodes of {cluster} stand on project {project} of {source}, which is not among its `projects` under tenancy.platforms: they and their pods may both be billed"
        )
    }
}

/// When what, as of when.
pub(super) struct Asked<'a> {
    pub(super) rules: &'a Rules,
    pub(super) period: &'a Period,
    pub(super) as_of: Ts,
    pub(super) scopes: &'a Scopes,
    pub(super) watermarks: &'a BTreeMap<(String, String), Ts>,
}

impl Clusters {
    /// Those that the rules name.
    pub(super) fn of(rules: &Rules) -> Self {
        let platforms = rules.attribution.platforms().iter();
        Self {
            by_name: platforms
                .map(|p| (p.cluster.clone(), (p.idle, Carried::default())))
                .collect(),
            servers: HashMap::new(),
        }
    }

    /// Adds a resource, if it is of interest.
    pub(super) fn add(&mut self, life: &Life<'_>, name: &str, scopes: &Scopes) {
        if self.by_name.is_empty() {
            return;
        }
        if life.key.kind == kind::SERVER {
            let owner = life.spans(Aspect::Owner).iter().rev().find_map(|s| s.value);
            let project = owner.map_or_else(String::new, |k| k.label.clone());
            let of = (life.key.cloud.clone(), project);
            self.servers.insert(life.key.resource.clone(), of);
        } else if let Some((_, carried)) = self.by_name.get_mut(&life.key.cloud) {
            carried.add(life, name, scopes);
        }
    }

    /// Shares out all nodes: each row goes to the sums, and is shown with its days.
    pub(super) fn share(
        &self,
        asked: &Asked<'_>,
        sums: &mut impl Summing,
        mut each: impl FnMut(&UsageRow, &[Day]),
    ) {
        for (cluster, (idle, carried)) in &self.by_name {
            let reach = |list: &str| {
                let of = (cluster.clone(), list.to_owned());
                asked.watermarks.get(&of).copied().unwrap_or(Ts::MIN)
            };
            let window = Window {
                from: asked.period.from,
                to: asked.period.to,
                watermark: reach(kind::list_of(kind::NODE)).min(reach(kind::list_of(kind::POD))),
                as_of: asked.as_of,
            };
            let mut ledger = std::mem::take(sums.ledger_mut());
            carried.share(*idle, &window, &mut ledger, |share| {
                if let Some(row) = self.row(cluster, share, asked) {
                    each(&row, share.days);
                    sums.add_row(row);
                }
            });
            ledger.overflowed |= sums.ledger().overflowed;
            *sums.ledger_mut() = ledger;
        }
    }

    /// Projects that carry nodes and are not marked: what is in them and what stands on it are both on bills.
    pub(super) fn unmarked(&self, scopes: &Scopes) -> Vec<Unmarked> {
        let mut all: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        for (cluster, (_, carried)) in &self.by_name {
            for (cloud, project) in carried.servers().filter_map(|s| self.servers.get(s)) {
                let scope = scopes.get(cloud, project);
                let owner = scope.and_then(|s| s.owners.last()).map(|o| &o.owner);
                if owner != Some(&Owner::Platform) {
                    let name = scope.map_or(project, |s| &s.name);
                    *all.entry((cluster, cloud, name)).or_default() += 1;
                }
            }
        }
        let unmarked =
            |((cluster, source, project), nodes): ((&str, &str, &str), usize)| Unmarked {
                cluster: cluster.to_owned(),
                source: source.to_owned(),
                project: project.to_owned(),
                nodes,
            };
        all.into_iter().map(unmarked).collect()
    }

    /// `None` where the meters in force then did not have it yet.
    fn row(&self, cluster: &str, share: &Share<'_>, asked: &Asked<'_>) -> Option<UsageRow> {
        let meter = asked.rules.meters.by_name.get(share.resource.meter)?;
        let values = [
            (dimension::NODE, share.node),
            (dimension::SERVER, share.server),
            (dimension::PART, share.part.as_str()),
        ];
        let sum = |of: fn(&Day) -> i64| share.days.iter().map(of).sum();
        let mut row = UsageRow {
            id: String::new(),
            tenant: PLATFORM.into(),
            contract: "".into(),
            scope: "".into(),
            scope_name: "".into(),
            source: cluster.into(),
            kind: kind::NODE.into(),
            resource: "".into(),
            resource_name: share.node.into(),
            meter: meter.name.as_str().into(),
            unit: meter.unit.as_str().into(),
            dimensions: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            quantity: share.days.iter().map(|d| d.quantity).sum(),
            observed_s: sum(|d| d.observed_s),
            expected_s: sum(|d| d.expected_s),
        };
        match share.of {
            Of::Node(uid) => {
                row.resource = (*uid).into();
                if let Some((cloud, project)) = self.servers.get(share.server) {
                    let scope = asked.scopes.get(cloud, project);
                    row.scope_name = scope.map_or(project, |s| &s.name).as_str().into();
                    row.scope = project.as_str().into();
                }
            }
            Of::Pod(pod, whose) => {
                row.tenant = whose.tenant.as_str().into();
                row.contract = whose.contract.as_str().into();
                row.scope = whose.scope.as_str().into();
                row.scope_name = whose.scope_name.as_str().into();
                row.kind = kind::POD.into();
                row.resource = pod.uid.as_str().into();
                row.resource_name = pod.name.as_str().into();
            }
        }
        row.id = UsageRow::id_of(&asked.period.to_string(), &row);
        Some(row)
    }
}
