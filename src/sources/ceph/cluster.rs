//! What a cluster has and how it fares: health, pools, device classes, OSDs. Nobody's usage: it has no owner and no meter.

use super::{Ceph, command::Commands, natural, shape, size};
use crate::{
    domain::{Aspect, Known, Pass, Value, fact::kind},
    sources::{
        Out, SourceError,
        item::{Item, label},
        run::{Fault, Run},
        whole::List,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};

/// Kinds of what it reads.
pub(super) const KINDS: [&str; 4] = [
    kind::CEPH_CLUSTER,
    kind::CEPH_POOL,
    kind::CEPH_DEVICE_CLASS,
    kind::CEPH_OSD,
];

/// A list that one command tells whole.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) list: List,
    /// The command, after `ceph`.
    pub(super) args: &'static [&'static str],
    /// What it shows.
    pub(super) read: fn(&str) -> Result<Vec<Item>, String>,
    /// A command that tells more of the same.
    pub(super) also: Option<Also>,
}

/// What another command tells of items.
#[derive(Debug)]
pub(super) struct Also {
    /// The command, after `ceph`.
    args: &'static [&'static str],
    /// Adds it to them.
    add: fn(&mut [Item], &str) -> Result<(), String>,
}

pub(super) const TOLD: [Told; 4] = [
    Told {
        list: List {
            name: "ceph_clusters",
            kind: kind::CEPH_CLUSTER,
        },
        args: &["status"],
        read: status,
        also: None,
    },
    Told {
        list: List {
            name: "ceph_pools",
            kind: kind::CEPH_POOL,
        },
        args: &["df", "detail"],
        read: pools,
        also: Some(Also {
            args: &["osd", "pool", "ls", "detail"],
            add: applications,
        }),
    },
    Told {
        list: List {
            name: "ceph_device_classes",
            kind: kind::CEPH_DEVICE_CLASS,
        },
        args: &["df"],
        read: classes,
        also: None,
    },
    Told {
        list: List {
            name: "ceph_osds",
            kind: kind::CEPH_OSD,
        },
        args: &["osd", "df", "tree"],
        read: osds,
        also: None,
    },
];

impl Told {
    /// What is there, and the bytes of all answers.
    pub(super) async fn items(
        &self,
        commands: &Commands,
    ) -> Result<(Vec<Item>, usize), SourceError> {
        let text = commands.ceph(self.args).await?;
        let mut items = (self.read)(&text).map_err(|why| shape("ceph", self.args, &why))?;
        let mut bytes = text.len();
        if let Some(also) = &self.also {
            let text = commands.ceph(also.args).await?;
            (also.add)(&mut items, &text).map_err(|why| shape("ceph", also.args, &why))?;
            bytes += text.len();
        }
        Ok((items, bytes))
    }
}

impl Ceph {
    /// Reads every list of the cluster once.
    pub(super) async fn cluster(&mut self, out: &Out) -> Vec<Pass> {
        let mut passes = Vec::new();
        for told in &TOLD {
            let mut run = self.run(told.list, out);
            let result = self.told(told, &mut run).await;
            passes.push(self.end(run, result).await);
        }
        passes
    }

    async fn told(&mut self, told: &Told, run: &mut Run<'_>) -> Result<(), Fault> {
        let listed = self.ask(told, run).await?;
        let missing = self.missing(told.list, &listed)?;
        if missing.is_empty() {
            return Ok(());
        }
        // Asked once more: what two whole answers do not have is gone.
        let listed = self.ask(told, run).await?;
        for id in missing.iter().filter(|id| !listed.contains(*id)) {
            told.list.gone(&mut self.memory, id, run).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, told: &Told, run: &mut Run<'_>) -> Result<HashSet<String>, Fault> {
        let since = self.clock.now();
        let (items, bytes) = told.items(&self.commands).await?;
        let date = self.dated(since);
        run.read(0, bytes);
        run.answered(date, items.len());
        let listed = items.iter().map(|i| i.id.clone()).collect();
        told.list.take(&mut self.memory, items, date, run).await?;
        Ok(listed)
    }
}

fn item<const N: usize>(
    id: String,
    state: &str,
    shown: [Option<(Aspect, Value)>; N],
    raw: &str,
) -> Item {
    let state = Some((Aspect::State, Value::label(state)));
    let shown = std::iter::once(state).chain(shown);
    Item::new(id, None, None, "", shown, raw.trim())
}

/// The cluster itself, of `ceph status`: its health, what is wrong, slow operations, OSDs, placement groups.
pub(super) fn status(text: &str) -> Result<Vec<Item>, String> {
    #[derive(Deserialize)]
    struct Status {
        fsid: String,
        health: Health,
        osdmap: OsdMap,
        pgmap: PgMap,
    }
    #[derive(Deserialize)]
    struct Health {
        status: String,
        #[serde(default)]
        checks: BTreeMap<String, Check>,
    }
    #[derive(Deserialize)]
    struct Check {
        severity: String,
        summary: Summary,
        #[serde(default)]
        muted: bool,
    }
    #[derive(Deserialize)]
    struct Summary {
        message: String,
    }
    #[derive(Deserialize)]
    struct OsdMap {
        num_osds: i64,
        num_up_osds: i64,
        num_in_osds: i64,
    }
    #[derive(Deserialize)]
    struct PgMap {
        num_pgs: i64,
        #[serde(default)]
        pgs_by_state: Vec<Pgs>,
    }
    #[derive(Deserialize)]
    struct Pgs {
        state_name: String,
        count: i64,
    }
    let s: Status = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let slow = s
        .health
        .checks
        .get("SLOW_OPS")
        .map_or(Ok(0), |c| first_number(&c.summary.message))?;
    let clean: i64 = s
        .pgmap
        .pgs_by_state
        .iter()
        .filter(|p| {
            p.state_name
                .split('+')
                .all(|w| matches!(w, "active" | "clean" | "scrubbing" | "deep"))
        })
        .map(|p| p.count)
        .try_fold(0, i64::checked_add)
        .ok_or("its placement groups are too many")?;
    let severity = |c: &Check| {
        let muted = if c.muted { ", muted" } else { "" };
        format!("{}{muted}", c.severity)
    };
    let checks = s.health.checks.iter();
    let checks = Value::Known(Known {
        label: s.health.status.clone(),
        levels: BTreeMap::new(),
        attrs: checks
            .map(|(code, c)| (code.clone(), severity(c)))
            .collect(),
    });
    let levels = [
        ("slow_ops", Some(slow)),
        ("osds", Some(natural("number of OSDs", s.osdmap.num_osds)?)),
        (
            "osds_up",
            Some(natural("number of OSDs", s.osdmap.num_up_osds)?),
        ),
        (
            "osds_in",
            Some(natural("number of OSDs", s.osdmap.num_in_osds)?),
        ),
        (
            "pgs",
            Some(natural("number of placement groups", s.pgmap.num_pgs)?),
        ),
        (
            "pgs_clean",
            Some(natural("number of placement groups", clean)?),
        ),
    ];
    let shown = [Some(size("", levels)), Some((Aspect::Attributes, checks))];
    Ok(vec![item(s.fsid, &s.health.status, shown, text)])
}

/// `12 slow ops, oldest one blocked for 33 sec, ...`
fn first_number(message: &str) -> Result<i64, String> {
    let digits = message.split(' ').next().unwrap_or_default();
    digits
        .parse()
        .map_err(|_| format!("slow operations are told as {message:?}"))
        .and_then(|n| natural("number of slow operations", n))
}

/// Pools, of `ceph df detail`.
pub(super) fn pools(text: &str) -> Result<Vec<Item>, String> {
    #[derive(Deserialize)]
    struct Df<'a> {
        #[serde(borrow)]
        pools: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Pool {
        id: i64,
        name: String,
        stats: Stats,
    }
    #[derive(Deserialize)]
    struct Stats {
        stored: i64,
        bytes_used: i64,
        objects: i64,
        max_avail: i64,
        stored_raw: Option<i64>,
        quota_bytes: Option<i64>,
    }
    let df: Df<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let read = |raw: &RawValue| {
        let p: Pool = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
        let s = &p.stats;
        let levels = [
            ("stored_bytes", Some(natural("stored size", s.stored)?)),
            ("used_bytes", Some(natural("used size", s.bytes_used)?)),
            (
                "stored_raw_bytes",
                s.stored_raw.map(|n| natural("raw size", n)).transpose()?,
            ),
            ("objects", Some(natural("number of objects", s.objects)?)),
            (
                "available_bytes",
                Some(natural("available size", s.max_avail)?),
            ),
            ("quota_bytes", s.quota_bytes.filter(|q| *q > 0)),
        ];
        let shown = [Some(size("", levels)), label(Aspect::Name, Some(&p.name))];
        Ok(item(p.id.to_string(), "present", shown, raw.get()))
    };
    df.pools.into_iter().map(read).collect()
}

/// What pools are for, of `ceph osd pool ls detail`: their applications, joined by commas.
pub(super) fn applications(pools: &mut [Item], text: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Pool {
        pool_id: i64,
        #[serde(default)]
        application_metadata: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let told: Vec<Pool> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let told: BTreeMap<String, Pool> = told
        .into_iter()
        .map(|p| (p.pool_id.to_string(), p))
        .collect();
    for item in pools {
        let Some(pool) = told.get(&item.id) else {
            continue;
        };
        let names: Vec<&str> = pool
            .application_metadata
            .keys()
            .map(String::as_str)
            .collect();
        let of = label(Aspect::Attributes, Some(&names.join(",")));
        item.shown.extend(of);
    }
    Ok(())
}

/// What the devices of each class have, of `ceph df`. OSDs without a class are in none: then only the whole is told.
pub(super) fn classes(text: &str) -> Result<Vec<Item>, String> {
    #[derive(Deserialize)]
    struct Df {
        stats: Stats,
        #[serde(default)]
        stats_by_class: BTreeMap<String, Stats>,
    }
    #[derive(Deserialize)]
    struct Stats {
        total_bytes: i64,
        total_avail_bytes: i64,
        total_used_raw_bytes: i64,
    }
    let df: Df = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let read = |(class, s): (String, &Stats)| {
        let levels = [
            ("capacity_bytes", Some(natural("size", s.total_bytes)?)),
            (
                "available_bytes",
                Some(natural("available size", s.total_avail_bytes)?),
            ),
            (
                "used_raw_bytes",
                Some(natural("used size", s.total_used_raw_bytes)?),
            ),
        ];
        Ok(item(
            class.clone(),
            "present",
            [Some(size(&class, levels))],
            text,
        ))
    };
    let whole = std::iter::once(("all".to_owned(), &df.stats));
    let classes = df.stats_by_class.iter().map(|(c, s)| (c.clone(), s));
    whole.chain(classes).map(read).collect()
}

/// OSDs and the hosts that they are on, of `ceph osd df tree`.
pub(super) fn osds(text: &str) -> Result<Vec<Item>, String> {
    #[derive(Deserialize)]
    struct Tree<'a> {
        #[serde(borrow)]
        nodes: Vec<&'a RawValue>,
        #[serde(borrow, default)]
        stray: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Node {
        id: i64,
        name: String,
        #[serde(rename = "type")]
        of: String,
        #[serde(default)]
        children: Vec<i64>,
        device_class: Option<String>,
        status: Option<String>,
        /// A number, with or without decimals; 0: out.
        reweight: Option<Box<RawValue>>,
        kb: Option<i64>,
    }
    let tree: Tree<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let mut nodes = Vec::new();
    for raw in tree.nodes.into_iter().chain(tree.stray) {
        let node: Node = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
        nodes.push((node, raw.get()));
    }
    let host = |osd: i64| {
        let mut all = nodes.iter();
        let on = all.find(|(n, _)| n.of == "host" && n.children.contains(&osd));
        on.map(|(n, _)| n.name.as_str())
    };
    let read = |(n, raw): &(Node, &str)| {
        let bytes =
            n.kb.unwrap_or(0)
                .checked_mul(1024)
                .ok_or("its size is too much")?;
        let is_in = n
            .reweight
            .as_ref()
            .is_none_or(|r| r.get().bytes().any(|b| matches!(b, b'1'..=b'9')));
        let state = format!(
            "{}-{}",
            n.status.as_deref().unwrap_or("unknown"),
            if is_in { "in" } else { "out" }
        );
        let class = n.device_class.as_deref().unwrap_or_default();
        let shown = [
            Some(size(
                class,
                [("capacity_bytes", Some(natural("size", bytes)?))],
            )),
            label(Aspect::Zone, host(n.id)),
            label(Aspect::Name, Some(&n.name)),
        ];
        Ok(item(n.id.to_string(), &state, shown, raw))
    };
    nodes
        .iter()
        .filter(|(n, _)| n.of == "osd")
        .map(read)
        .collect()
}
