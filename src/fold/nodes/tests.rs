//! Nodes with known parts, and random trees that must conserve what there is.

use super::*;
use crate::domain::{Ts, ownership::PLATFORM};

/// Small numbers by chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % n
    }

    fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    /// Up to what a real one has, with odd remainders, zero, or the largest there is.
    fn level(&mut self, most: i64) -> i64 {
        match self.below(12) {
            0 => 0,
            1 => 1,
            2 => i64::MAX,
            _ => self.below(most),
        }
    }
}

const FROM: i64 = 3 * DAY_S - 5_000;
const TO: i64 = 5 * DAY_S;

fn window(watermark: i64, as_of: i64) -> Window {
    Window {
        from: Ts::from_second(FROM),
        to: Ts::from_second(TO),
        watermark: Ts::from_second(watermark),
        as_of: Ts::from_second(as_of),
    }
}

fn room(capacity: i64, allocatable: i64) -> Room {
    Room {
        capacity,
        allocatable: allocatable.min(capacity),
    }
}

impl Carried {
    fn node(&mut self, name: &str, server: &str, spans: &[(i64, i64, Option<Rooms>)]) {
        let node = self.nodes.len();
        self.nodes.push(Node {
            uid: format!("uid-{node}"),
            server: server.to_owned(),
        });
        let named = self.by_name.entry(name.to_owned()).or_default();
        named
            .segments
            .extend(spans.iter().map(|(start, end, rooms)| Segment {
                start: *start,
                end: *end,
                node,
                rooms: *rooms,
            }));
    }

    fn pod(&mut self, node: &str, tenant: &str, spans: &[(i64, i64, Option<[i64; 3]>)]) {
        let pod = self.pods.len();
        self.pods.push(Pod {
            uid: format!("pod-{pod}"),
            name: format!("p{pod}"),
        });
        let whose = self.number(Whose {
            tenant: tenant.to_owned(),
            contract: format!("CO-{tenant}"),
            scope: tenant.to_owned(),
            scope_name: tenant.to_owned(),
        });
        let named = self.by_name.entry(node.to_owned()).or_default();
        named
            .held
            .extend(spans.iter().map(|(start, end, levels)| Held {
                start: *start,
                end: *end,
                pod,
                whose,
                levels: *levels,
            }));
    }

    /// `k8s.node.cpu pod-0 requested 20/20 s: 100`, one line a share.
    fn told(&self, idle: Idle, window: &Window) -> Vec<String> {
        let mut lines = Vec::new();
        let mut ledger = Ledger::default();
        self.share(idle, window, &mut ledger, |s| {
            let of = match s.of {
                Of::Node(uid) => uid,
                Of::Pod(pod, _) => &pod.uid,
            };
            let sum = |of: fn(&Day) -> i64| s.days.iter().map(of).sum::<i64>();
            lines.push(format!(
                "{} {of} {} {}/{} s: {}",
                s.resource.meter.trim_start_matches("k8s.node."),
                s.part,
                sum(|d| d.observed_s),
                sum(|d| d.expected_s),
                s.days.iter().map(|d| d.quantity).sum::<i128>()
            ));
        });
        assert!(ledger.conserved());
        lines
    }
}

/// Ten of CPU, of which pods may ask for eight.
fn cpu(capacity: i64, allocatable: i64) -> Option<Rooms> {
    Some([
        room(capacity, allocatable),
        Room::default(),
        Room::default(),
    ])
}

#[test]
fn the_parts_of_a_node() {
    let mut carried = Carried::default();
    carried.node("n", "s", &[(FROM, i64::MAX, cpu(10, 8))]);
    carried.pod("n", "a", &[(FROM, i64::MAX, Some([3, 0, 0]))]);
    carried.pod("n", "b", &[(FROM + 10, FROM + 20, Some([2, 7, 0]))]);
    let window = window(FROM + 40, FROM + 50);
    assert_eq!(
        carried.told(Idle::Provider, &window),
        [
            "cpu uid-0 system 40/50 s: 80",
            "cpu uid-0 unrequested 40/50 s: 180",
            "cpu pod-0 requested 40/50 s: 120",
            "cpu pod-1 requested 10/10 s: 20",
        ]
    );
    // Five are over in 30 s, and three in 10 s, of which the one has 3/5 and the other 2/5.
    assert_eq!(
        carried.told(Idle::ByRequest, &window),
        [
            "cpu uid-0 system 40/50 s: 80",
            "cpu pod-0 requested 40/50 s: 120",
            "cpu pod-0 unrequested 40/50 s: 160",
            "cpu pod-1 requested 10/10 s: 20",
            "cpu pod-1 unrequested 10/10 s: 20",
        ]
    );
}

#[test]
fn nobody_shares_what_none_asks_for() {
    let mut carried = Carried::default();
    carried.node("n", "", &[(FROM, FROM + 10, cpu(10, 10))]);
    carried.pod("n", "a", &[(FROM, FROM + 10, Some([0, 0, 0]))]);
    let told = carried.told(Idle::ByRequest, &window(TO, TO));
    assert_eq!(told, ["cpu uid-0 unrequested 10/10 s: 100"]);
}

#[test]
fn more_is_asked_for_than_there_is() {
    let mut carried = Carried::default();
    carried.node("n", "s", &[(FROM, FROM + 10, cpu(10, 7))]);
    for tenant in ["a", "b", "c"] {
        carried.pod("n", tenant, &[(FROM, FROM + 10, Some([5, 0, 0]))]);
    }
    // Seven in three equal parts: 2, 2 and 3.
    assert_eq!(
        carried.told(Idle::Provider, &window(TO, TO)),
        [
            "cpu uid-0 system 10/10 s: 30",
            "cpu pod-0 requested 10/10 s: 20",
            "cpu pod-1 requested 10/10 s: 20",
            "cpu pod-2 requested 10/10 s: 30",
        ]
    );
}

#[test]
fn what_nobody_saw_is_nobodys() {
    let mut carried = Carried::default();
    let node = [(FROM, FROM + 10, cpu(10, 10)), (FROM + 10, FROM + 20, None)];
    carried.node("n", "s", &node);
    carried.pod("n", "a", &[(FROM, FROM + 30, Some([4, 0, 0]))]);
    carried.pod("n", "b", &[(FROM, FROM + 5, None)]);
    let told = carried.told(Idle::ByRequest, &window(TO, TO));
    assert_eq!(
        told,
        [
            // The node was never seen in the last ten seconds, and not observed in the ten before.
            "cpu pod-0 requested 0/10 s: 0",
            "cpu uid-0 unobserved 5/15 s: 30",
            "cpu pod-0 requested 10/20 s: 40",
            "cpu pod-0 unrequested 5/5 s: 30",
            "cpu pod-1 requested 0/5 s: 0",
            "memory uid-0 unobserved 0/10 s: 0",
            "gpu uid-0 unobserved 0/10 s: 0",
        ]
    );
}

#[test]
fn a_node_made_anew_follows_the_one_before() {
    let mut carried = Carried::default();
    carried.node("n", "s1", &[(FROM, FROM + 25, cpu(10, 10))]);
    carried.node("n", "s2", &[(FROM + 20, FROM + 30, cpu(20, 20))]);
    let told = carried.told(Idle::Provider, &window(TO, TO));
    let want = [
        "cpu uid-0 unrequested 20/20 s: 200",
        "cpu uid-1 unrequested 10/10 s: 200",
    ];
    assert_eq!(told, want);
}

#[test]
fn a_days_stretches_come_to_its_quantity() {
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let observed_s = dice.below(DAY_S);
        let day = Day {
            start: 12 * DAY_S,
            quantity: if observed_s == 0 {
                0
            } else {
                i128::from(dice.below(i64::MAX >> 1))
            },
            observed_s,
            expected_s: observed_s + dice.below(10),
            lasts: dice.one_in(2),
        };
        let stretches: Vec<Stretch> = day.stretches(TO + 9 * DAY_S).collect();
        assert_eq!(
            stretches.iter().map(Stretch::quantity).sum::<i128>(),
            day.quantity
        );
        let seconds = |seen: bool| {
            let of = stretches.iter().filter(move |s| s.observed || !seen);
            of.map(|s| s.end - s.start).sum::<i64>()
        };
        assert_eq!(
            (seconds(true), seconds(false)),
            (day.observed_s, day.expected_s)
        );
    }
}

#[test]
fn what_is_there_at_the_end_goes_on_at_the_level_of_its_last_day() {
    let mut carried = Carried::default();
    carried.node("n", "s", &[(FROM, i64::MAX, cpu(10, 10))]);
    carried.pod("n", "a", &[(FROM, FROM + 100, Some([4, 0, 0]))]);
    // Ten seconds after midnight, and what was read reaches to a second before it.
    let midnight = 3 * DAY_S;
    let window = window(midnight - 1, midnight + 10);
    let mut lasting = BTreeMap::new();
    carried.share(Idle::Provider, &window, &mut Ledger::default(), |s| {
        let stretches = s.days.iter().flat_map(|d| d.stretches(TO));
        let on: Vec<(i64, bool)> = stretches
            .filter(|s| s.lasts_to == TO)
            .map(|s| (s.level, s.observed))
            .collect();
        lasting.insert(s.part, on);
    });
    // Ten were nobody's but for a hundred seconds, so nine and a part of one in the mean.
    assert_eq!(lasting[&Part::Requested], []);
    assert_eq!(
        lasting[&Part::Unrequested],
        [(9, true), (0, false), (0, false)]
    );
}

/// A cluster by chance: nodes that come, go, are resized and lost sight of, with pods that do so too.
fn tree(dice: &mut Dice) -> Carried {
    let mut carried = Carried::default();
    let spans = |dice: &mut Dice| {
        let mut at = FROM - 100 + dice.below(TO - FROM);
        let mut spans = Vec::new();
        for _ in 0..=dice.below(3) {
            let end = if dice.one_in(8) {
                i64::MAX
            } else {
                at + 1 + dice.below(DAY_S)
            };
            spans.push((at, end));
            if end == i64::MAX {
                break;
            }
            at = end;
        }
        spans
    };
    for node in 0..=dice.below(2) {
        let name = if dice.one_in(6) {
            "n0".to_owned()
        } else {
            format!("n{node}")
        };
        let mut life = Vec::new();
        for (start, end) in spans(dice) {
            let rooms = (!dice.one_in(6)).then(|| {
                RESOURCES.map(|_| {
                    let capacity = dice.level(64_000_000_000);
                    room(capacity, dice.level(64_000_000_000))
                })
            });
            life.push((start, end, rooms));
        }
        carried.node(&name, &format!("s{node}"), &life);
    }
    for _ in 0..dice.below(5) {
        let mut life = Vec::new();
        for (start, end) in spans(dice) {
            let levels = RESOURCES.map(|_| dice.level(9_000_000_000));
            life.push((start, end, (!dice.one_in(9)).then_some(levels)));
        }
        let node = format!("n{}", dice.below(3));
        carried.pod(&node, ["a", "b"][usize::from(dice.one_in(2))], &life);
    }
    carried
}

/// What there is of each node by a count of its own: the later node of a name stands, and only what was seen before the watermark counts.
fn capacities(carried: &Carried, watermark: i64) -> BTreeMap<(usize, usize), i128> {
    let mut all = BTreeMap::new();
    for named in carried.by_name.values() {
        let mut edges: Vec<i64> = named
            .segments
            .iter()
            .flat_map(|s| [s.start, s.end])
            .collect();
        edges.extend([FROM, watermark]);
        edges.retain(|t| (FROM..=watermark).contains(t));
        edges.sort_unstable();
        for pair in edges.windows(2) {
            let of = named
                .segments
                .iter()
                .filter(|s| s.start <= pair[0] && pair[0] < s.end);
            let Some(last) = of.max_by_key(|s| (s.start, s.node)) else {
                continue;
            };
            for (resource, room) in last.rooms.iter().flatten().enumerate() {
                let there = i128::from(room.capacity) * i128::from(pair[1] - pair[0]);
                *all.entry((resource, last.node)).or_default() += there;
            }
        }
    }
    all.retain(|_, there| *there != 0);
    all
}

/// Conservation over some of 10^5 random trees: the parts of each node sum to the node, whatever the policy, and no part is negative.
fn conserved(seed: u64, trees: usize) {
    let mut dice = Dice(seed);
    for n in 0..trees {
        let carried = tree(&mut dice);
        let watermark = FROM + dice.below(TO - FROM + 1);
        let window = window(watermark, watermark + dice.below(DAY_S));
        let there = capacities(&carried, watermark);
        let server = |name: &str| carried.nodes.iter().position(|n| n.server == name);
        let mut requested = Vec::new();
        for idle in [Idle::Provider, Idle::ByRequest] {
            let (mut dealt, mut asked) = (BTreeMap::new(), BTreeMap::new());
            let mut ledger = Ledger::default();
            carried.share(idle, &window, &mut ledger, |s| {
                let r = RESOURCES.iter().position(|r| *r == s.resource).unwrap();
                for d in s.days {
                    assert!(
                        d.quantity >= 0 && d.observed_s <= d.expected_s,
                        "{n}: {s:?}"
                    );
                    assert!(
                        d.start >= FROM && d.start + d.expected_s <= TO,
                        "{n}: {s:?}"
                    );
                }
                let quantity: i128 = s.days.iter().map(|d| d.quantity).sum();
                if quantity > 0 {
                    *dealt.entry((r, server(s.server).unwrap())).or_default() += quantity;
                }
                if s.part == Part::Requested {
                    let Of::Pod(pod, whose) = s.of else {
                        panic!("{s:?}")
                    };
                    let key = (
                        r,
                        s.server.to_owned(),
                        pod.uid.clone(),
                        whose.tenant.clone(),
                    );
                    assert_eq!(asked.insert(key, quantity), None, "{n}: each line once");
                    assert_ne!(whose.tenant, PLATFORM);
                }
            });
            assert!(ledger.conserved(), "{n}");
            assert_eq!(dealt, there, "{n}: {carried:#?}");
            requested.push(asked);
        }
        assert_eq!(
            requested[0], requested[1],
            "{n}: who has the rest changes no request"
        );
    }
}

#[test]
fn random_trees_conserve_what_there_is_1() {
    conserved(0x9e37_79b9_7f4a_7c15, 25_000);
}

#[test]
fn random_trees_conserve_what_there_is_2() {
    conserved(0xbf58_476d_1ce4_e5b9, 25_000);
}

#[test]
fn random_trees_conserve_what_there_is_3() {
    conserved(0x94d0_49bb_1331_11eb, 25_000);
}

#[test]
fn random_trees_conserve_what_there_is_4() {
    conserved(0x2545_f491_4f6c_dd1d, 25_000);
}
