//! A kubelet's pages -> what each pod showed. Pure.
//!
//! Formats: `/stats/summary` (<https://pkg.go.dev/k8s.io/kubelet/pkg/apis/stats/v1alpha1>), and `/metrics/resource`
//! (<https://kubernetes.io/docs/reference/instrumentation/node-metrics/>), which has no UIDs and no networks. Of each pod its own figures are read, those
//! of its cgroup: containers that were restarted linger in the figures by container, and would count twice.

use super::keep::{Of, Point, Sample};
use crate::{
    domain::{Decimal, Ts},
    exposition::{Event, Events, Format},
};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, collections::BTreeMap};

/// A sample's own time may be so far ahead of its page's.
const AHEAD_S: i64 = 60;
/// And so far behind: a kubelet that cannot read a pod any more shows its last figures for ever.
const BEHIND_S: i64 = 3_600;

/// What a page tells, and what of it tells nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) samples: Vec<Sample>,
    /// Figures that could not be read.
    pub(super) unread: u64,
    /// The first of them, and why.
    pub(super) first: String,
}

impl Page {
    fn unread(&mut self, of: &str, why: &str) {
        if self.unread == 0 {
            self.first = format!("{of}: {why}");
        }
        self.unread += 1;
    }
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default, deserialize_with = "or_none")]
    pods: Vec<PodStats<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats<'a> {
    #[serde(borrow)]
    pod_ref: PodRef<'a>,
    #[serde(borrow)]
    start_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cpu: Option<Cpu<'a>>,
    #[serde(borrow)]
    memory: Option<MemoryStats<'a>>,
    #[serde(borrow)]
    network: Option<Network<'a>>,
}

#[derive(Deserialize)]
struct PodRef<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    usage_core_nano_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemoryStats<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    working_set_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

/// What is `null` is as if it were absent.
fn or_none<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// The time of a figure: its own, or where it has none (absent, or of the year 1) the page's.
fn time(own: Option<Ts>, date: Ts) -> Result<Ts, String> {
    let Some(at) = own.filter(|t| t.second() > 0) else {
        return Ok(date);
    };
    if at > date.plus_seconds(AHEAD_S) {
        return Err(format!(
            "its time {at} is ahead of the page's, {date}: is a clock wrong there?"
        ));
    }
    if at < date.plus_seconds(-BEHIND_S) {
        return Err(format!("its time {at} is long before the page's, {date}"));
    }
    Ok(at)
}

/// Reads `/stats/summary`, made at `date`.
///
/// # Errors
/// In words, where it is no such page.
pub(super) fn summary(body: &[u8], date: Ts) -> Result<Page, String> {
    let summary: Summary<'_> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut page = Page::default();
    for pod in &summary.pods {
        let at = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(|t| Ts::parse(t).ok());
        let shown = [
            pod.cpu
                .as_ref()
                .and_then(|c| Some((at(&c.time), [c.usage_core_nano_seconds?, 0]))),
            pod.memory
                .as_ref()
                .and_then(|m| Some((at(&m.time), [m.working_set_bytes?, 0]))),
            pod.network
                .as_ref()
                .and_then(|n| Some((at(&n.time), [n.rx_bytes?, n.tx_bytes?]))),
        ];
        let name = format!("{}/{}", pod.pod_ref.namespace, pod.pod_ref.name);
        let points = shown.map(|shown| {
            let (own, values) = shown?;
            let point = time(own, date).and_then(|at| point(at, values));
            point.map_err(|why| page.unread(&name, &why)).ok()
        });
        page.samples.push(Sample {
            namespace: pod.pod_ref.namespace.clone().into_owned(),
            name: pod.pod_ref.name.clone().into_owned(),
            uid: Some(pod.pod_ref.uid.clone().into_owned()),
            since: at(&pod.start_time).filter(|t| t.second() > 0),
            points,
        });
    }
    Ok(page)
}

fn point(at: Ts, values: [u64; 2]) -> Result<Point, String> {
    let number = |n: u64| i64::try_from(n).map_err(|_| format!("shows {n}, which cannot be"));
    let [a, b] = values;
    Ok(Point {
        at,
        values: [number(a)?, number(b)?],
    })
}

/// Reads `/metrics/resource`, made at `date`.
///
/// # Errors
/// In words, where it is no such page.
pub(super) fn resource(body: &[u8], date: Ts) -> Result<Page, String> {
    let mut pods: BTreeMap<(String, String), [Option<Point>; 3]> = BTreeMap::new();
    let mut page = Page::default();
    for event in Events::new(body, Format::Text) {
        let Event::Sample(sample) = event.map_err(|e| e.to_string())? else {
            continue;
        };
        let (of, digits) = match sample.name {
            "pod_cpu_usage_seconds_total" => (Of::Cpu, 9),
            "pod_memory_working_set_bytes" => (Of::Memory, 0),
            _ => continue,
        };
        let label = |name: &str| {
            let found = sample.labels.iter().find(|l| l.name == name);
            found.map(|l| l.value().into_owned())
        };
        let (Some(namespace), Some(name)) = (label("namespace"), label("pod")) else {
            page.unread(sample.name, "names no pod");
            continue;
        };
        let own = match sample.timestamp.map(|t| t.ts()).transpose() {
            Ok(own) => own,
            Err(why) => {
                page.unread(&format!("{namespace}/{name}"), &why.to_string());
                continue;
            }
        };
        let read = time(own, date).and_then(|at| {
            let value = Decimal::parse(sample.value.as_str())
                .and_then(|n| n.floor(digits))
                .map_err(|e| e.to_string())?;
            let value =
                u64::try_from(value).map_err(|_| format!("shows {value}, which cannot be"))?;
            point(at, [value, 0])
        });
        match read {
            Ok(point) => pods.entry((namespace, name)).or_default()[of as usize] = Some(point),
            Err(why) => page.unread(&format!("{namespace}/{name}"), &why),
        }
    }
    page.samples = pods
        .into_iter()
        .map(|((namespace, name), points)| Sample {
            namespace,
            name,
            uid: None,
            since: None,
            points,
        })
        .collect();
    Ok(page)
}
