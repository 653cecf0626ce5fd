//! Any interleaving of pages, events, cuts and repetitions gives the same spans as the truth, or a gap that says so.

use super::*;
use crate::domain::meter;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeSet, HashSet};

/// Seconds of a made-up hour.
const HOUR: i64 = 3_600;

fn t(s: i64) -> Ts {
    Ts::from_second(1_795_420_800 + s)
}

/// One pod's life: seconds at which things happen to it, in their order.
#[derive(Debug, Clone)]
struct Life {
    made: i64,
    bound: i64,
    resized: Option<i64>,
    /// Its container ends by itself.
    finished: Option<i64>,
    deleted: Option<i64>,
}

fn life() -> impl Strategy<Value = Life> {
    let when = (0..HOUR, 0_i64..5, 1_i64..900, 1_i64..900, 1_i64..900);
    (when, any::<[bool; 3]>()).prop_map(|((made, wait, a, b, c), [resize, finish, delete])| {
        let bound = made + wait;
        let resized = resize.then_some(bound + a);
        let finished = finish.then_some(resized.unwrap_or(bound) + b);
        let deleted = delete.then_some(finished.or(resized).unwrap_or(bound) + c);
        Life {
            made,
            bound,
            resized,
            finished,
            deleted,
        }
    })
}

/// Something that happens: when, to which pod, what it looks like then, and whether it is gone.
struct Happening {
    at: i64,
    pod: usize,
    object: Json,
    gone: bool,
}

impl Life {
    fn object(&self, n: usize, at: i64) -> Json {
        let now = |when: Option<i64>| when.filter(|w| *w <= at);
        let cpu = if now(self.resized).is_some() {
            "2"
        } else {
            "1"
        };
        let mut pod = json!({
            "metadata": {"name": format!("p{n}"), "namespace": "n", "uid": format!("u{n}"), "creationTimestamp": t(self.made).to_string()},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": "Pending"},
        });
        if at >= self.bound {
            pod["spec"]["nodeName"] = "node".into();
            pod["status"] = json!({"phase": "Running", "conditions":
                [{"type": "PodScheduled", "status": "True", "lastTransitionTime": t(self.bound).to_string()}]});
        }
        if let Some(end) = now(self.finished) {
            pod["status"]["phase"] = "Succeeded".into();
            pod["status"]["containerStatuses"] =
                json!([{"name": "c", "state": {"terminated": {"finishedAt": t(end).to_string()}}}]);
        }
        if let Some(end) = now(self.deleted) {
            pod["metadata"]["deletionTimestamp"] = t(end).to_string().into();
        }
        pod
    }

    /// First and first second after, and when its size changed.
    fn truth(&self) -> (Ts, Option<Ts>, Option<Ts>) {
        (
            t(self.bound),
            self.finished.or(self.deleted).map(t),
            self.resized.map(t),
        )
    }
}

/// Everything that happens, in its order; the version is the place, from 1.
fn happenings(lives: &[Life]) -> Vec<Happening> {
    let mut all: Vec<Happening> = lives
        .iter()
        .enumerate()
        .flat_map(|(pod, l)| {
            let times = [
                Some(l.made),
                Some(l.bound),
                l.resized,
                l.finished,
                l.deleted,
            ];
            let times: BTreeSet<i64> = times.into_iter().flatten().collect();
            times.into_iter().map(move |at| Happening {
                at,
                pod,
                object: l.object(pod, at),
                gone: Some(at) == l.deleted,
            })
        })
        .collect();
    all.sort_by_key(|h| (h.at, h.pod));
    for (i, h) in all.iter_mut().enumerate() {
        h.object["metadata"]["resourceVersion"] = (i + 1).to_string().into();
    }
    all
}

/// What the reader meets next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The watch tells of so many events, and is cut; some of what it told before comes again first.
    Watch { events: usize, again: usize },
    /// So many events happen unwatched, and the whole list is read, in this order.
    Relist { missed: usize, order: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0_usize..12, 0_usize..4).prop_map(|(events, again)| Step::Watch { events, again }),
        1 => (0_usize..8, any::<u64>()).prop_map(|(missed, order)| Step::Relist { missed, order }),
    ]
}

struct Reader<'a> {
    all: &'a [Happening],
    book: Book,
    drafts: Vec<(String, Draft)>,
    /// Happenings so far, and how far the list is known to reach.
    at: usize,
    known: Ts,
    /// Stretches that nobody watched.
    gaps: Vec<(Ts, Ts)>,
}

impl Reader<'_> {
    fn thing(&self, i: usize) -> Option<Thing> {
        (resource("pods").read)(&self.all[i].object.to_string(), &gpus()).unwrap()
    }

    fn now(&self) -> Ts {
        self.at.checked_sub(1).map_or(t(0), |i| t(self.all[i].at))
    }

    fn tell(&mut self, i: usize) {
        let Some(thing) = self.thing(i) else { return };
        let at = t(self.all[i].at);
        let drafts = if self.all[i].gone {
            self.book.delete(&thing, at)
        } else {
            self.book.sight(&thing, Shown::Told(at))
        };
        self.drafts
            .extend(drafts.into_iter().map(|d| (thing.id.clone(), d)));
    }

    /// True where the next happening is of the same second as the last: what is known of a second is all of it.
    fn within_a_second(&self) -> bool {
        let last = self.at.checked_sub(1).and_then(|i| self.all.get(i));
        let next = self.all.get(self.at);
        last.zip(next).is_some_and(|(a, b)| a.at == b.at)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Watch { events, again } => {
                for i in self.at.saturating_sub(again)..self.at {
                    self.tell(i);
                }
                for _ in 0..events.min(self.all.len() - self.at) {
                    self.tell(self.at);
                    self.at += 1;
                }
                while self.within_a_second() {
                    self.tell(self.at);
                    self.at += 1;
                }
                self.known = self.now();
            }
            Step::Relist { missed, order } => {
                self.at = self.all.len().min(self.at + missed);
                while self.within_a_second() {
                    self.at += 1;
                }
                let now = self.now();
                if now > self.known {
                    self.gaps.push((self.known, now));
                }
                let pods: BTreeSet<usize> = self.all[..self.at].iter().map(|h| h.pod).collect();
                let latest = |pod: usize| {
                    (0..self.at)
                        .rev()
                        .find(|i| self.all[*i].pod == pod)
                        .unwrap()
                };
                let mut there: Vec<usize> = pods
                    .into_iter()
                    .map(latest)
                    .filter(|i| !self.all[*i].gone)
                    .collect();
                there.sort_by_key(|i| (*i as u64).wrapping_mul(order | 1));
                let mut listed = HashSet::new();
                // Pages may repeat what is there.
                for i in there.iter().chain(there.iter().take(2)) {
                    let Some(thing) = self.thing(*i) else {
                        continue;
                    };
                    let drafts = self.book.sight(&thing, Shown::Listed(now));
                    self.drafts
                        .extend(drafts.into_iter().map(|d| (thing.id.clone(), d)));
                    listed.insert(thing.id);
                }
                for m in self.book.missing(&listed) {
                    let gone = self.book.gone(&m.id, Some(self.known), now);
                    self.drafts.extend(gone.map(|d| (m.id.clone(), d)));
                }
                self.known = now;
            }
        }
    }
}

/// Checks one pod's spans against its life.
fn compare(
    life: &Life,
    told: Option<&Timeline>,
    gaps: &[(Ts, Ts)],
    until: Ts,
) -> Result<(), TestCaseError> {
    let (from, end, resized) = life.truth();
    let end_known = end.filter(|e| *e <= until);
    let unwatched = |t: Ts| gaps.iter().any(|(a, b)| *a <= t && t <= *b);
    let Some(told) = told else {
        // It came and went while nobody watched, in one stretch; or it has not come yet.
        let gone = life.deleted.map(t);
        let within = gaps
            .iter()
            .any(|(a, b)| *a <= from && gone.is_some_and(|g| g <= *b));
        prop_assert!(
            from > until || within || end == Some(from),
            "{life:?} is not known, and no gap says so: {gaps:?}"
        );
        return Ok(());
    };
    let spans = told.spans(Aspect::State);
    if end == Some(from) {
        return Ok(());
    }
    prop_assert_eq!(spans[0].start, from);
    match (spans, end_known) {
        ([one], end) if one.value.is_some() => prop_assert!(one.end == end, "{life:?}: {spans:?}"),
        // All of a life may lie in the gap.
        ([.., gap], Some(end)) => {
            let bounds = (gap.start, gap.end.unwrap());
            prop_assert!(
                gap.value.is_none() && bounds.0 <= end && end <= bounds.1,
                "{life:?}: {spans:?}"
            );
            prop_assert!(gaps.iter().any(|g| g.0 <= bounds.0 && bounds.1 <= g.1));
        }
        other => return Err(TestCaseError::fail(format!("{life:?}: {other:?}"))),
    }
    if let Some(resized) =
        resized.filter(|r| *r <= until && end_known.is_none_or(|e| *r < e) && spans.len() == 1)
    {
        let sizes: Vec<(Ts, i64)> = told
            .spans(Aspect::Flavor)
            .iter()
            .map(|s| {
                (
                    s.start,
                    s.value.as_ref().unwrap().levels["cpu_nanocores"] / 1_000_000_000,
                )
            })
            .collect();
        let exact = sizes == [(from, 1), (resized, 2)];
        prop_assert!(exact || unwatched(resized), "{life:?}: {sizes:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_reading_tells_the_truth_or_a_gap(lives in proptest::collection::vec(life(), 1..6), steps in proptest::collection::vec(step(), 1..20)) {
        let all = happenings(&lives);
        let mut reader = Reader {
            all: &all,
            book: Book::new(kind::POD, &Memory::default()),
            drafts: Vec::new(),
            at: 0,
            known: t(0),
            gaps: Vec::new(),
        };
        for step in steps {
            reader.take(step);
        }
        let until = reader.known;
        let all = facts(kind::POD, reader.drafts);
        for (n, life) in lives.iter().enumerate() {
            let told = all.get(&format!("u{n}")).map(|f| folded(f));
            compare(life, told.as_ref(), &reader.gaps, until)?;
        }
    }
}

#[test]
fn every_level_that_pods_have_is_metered_but_claims_of_devices() {
    let meters = crate::domain::Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let of_pods: BTreeSet<&str> = meters
        .of_kind(kind::POD)
        .filter_map(|m: &meter::Meter| m.level.as_deref())
        .collect();
    assert_eq!(
        of_pods,
        BTreeSet::from(["cpu_nanocores", "ephemeral_bytes", "gpus", "memory_bytes"])
    );
}
