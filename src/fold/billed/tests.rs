//! Hours with known sums, and random lives against a count second by second.

use super::super::{
    measure::{Window, moments, pieces_of},
    sums::{Summing as _, Sums},
};
use super::*;
use crate::domain::{
    Amount, Aspect, Known, OwnerSpan, ResourceKey, Span, Timeline,
    meter::{Counts, Meters},
    ownership::Scope,
};

const METER: &str = "k8s.cpu.billed";
const USED: &str = "k8s.cpu.usage";

fn span(start: i64, end: Option<i64>, value: Option<Known>) -> Span {
    Span {
        start: Ts::from_second(start),
        end: end.map(Ts::from_second),
        gap: if value.is_some() { "" } else { "unseen" },
        value,
        because: Vec::new(),
    }
}

fn sized(level: i64) -> Known {
    Known {
        levels: BTreeMap::from([("cpu_nanocores".to_owned(), level)]),
        ..Known::label("")
    }
}

fn amount(start: i64, end: i64, quantity: i64) -> Amount {
    Amount {
        start: Ts::from_second(start),
        end: Ts::from_second(end),
        quantities: BTreeMap::from([(USED.to_owned(), quantity)]),
        gap: "",
        attrs: BTreeMap::new(),
        because: Vec::new(),
    }
}

/// A pod with these requests, the last of which ends it, and this usage.
fn pod(requests: &[(i64, Option<i64>)], end: Option<i64>, amounts: Vec<Amount>) -> Timeline {
    let ends = requests.iter().skip(1).map(|(start, _)| Some(*start));
    let ends: Vec<Option<i64>> = ends.chain([end]).collect();
    let flavors = requests.iter().zip(&ends);
    let flavor = flavors.map(|((start, level), end)| span(*start, *end, level.map(sized)));
    let first = requests[0].0;
    Timeline {
        key: ResourceKey {
            cloud: "okd".into(),
            kind: "pod".into(),
            resource: "p".into(),
        },
        aspects: BTreeMap::from([
            (
                Aspect::State,
                vec![span(first, end, Some(Known::label("bound")))],
            ),
            (
                Aspect::Owner,
                vec![span(first, end, Some(Known::label("ns")))],
            ),
            (Aspect::Flavor, flavor.collect()),
        ]),
        amounts,
        facts: BTreeMap::new(),
        unexplained: Vec::new(),
    }
}

/// Of a namespace that changes hands at these times, to one tenant after another.
fn scopes(at: &[i64]) -> Scopes {
    let starts = std::iter::once(Ts::MIN).chain(at.iter().map(|t| Ts::from_second(*t)));
    let ends = at.iter().map(|t| Ts::from_second(*t)).chain([Ts::MAX]);
    let owners = starts
        .zip(ends)
        .enumerate()
        .map(|(i, (start, end))| OwnerSpan {
            start,
            end,
            owner: Owner::Tenant {
                tenant: format!("t{i}"),
                contract: format!("CO-{i}"),
            },
        });
    let scope = Scope {
        name: "ns".into(),
        owners: owners.collect(),
    };
    Scopes(BTreeMap::from([(
        ("okd".to_owned(), "ns".to_owned()),
        scope,
    )]))
}

fn meters() -> Meters {
    Meters::shipped("existence", &BTreeMap::<String, Counts>::new()).unwrap()
}

/// `t0 request 0..3600 x 5`, one line a stretch.
fn told(timeline: &Timeline, scopes: &Scopes, how: Bills) -> Vec<String> {
    stretches(timeline, scopes, how, |b| {
        let end = b.end.map_or_else(String::new, |t| t.second().to_string());
        format!(
            "{} {} {}..{end} x {}",
            b.owner.tenant(),
            b.by,
            b.start.second(),
            b.level
        )
    })
}

fn stretches<T>(
    timeline: &Timeline,
    scopes: &Scopes,
    how: Bills,
    of: impl Fn(&Billed<'_>) -> T,
) -> Vec<T> {
    let meters = meters();
    let life = timeline.life();
    let moments = moments(&life);
    let all = billed(
        (&meters.by_name[METER], how),
        &life,
        &moments,
        &meters,
        scopes,
    );
    for pair in all.windows(2) {
        assert!(pair[0].end.is_some_and(|e| e <= pair[1].start), "{pair:?}");
    }
    all.iter().map(of).collect()
}

#[test]
fn the_greater_of_both_in_each_hour() {
    let used = vec![
        amount(0, 3_600, 3_600 * 4),
        amount(3_600, 7_200, 3_600 * 20),
    ];
    let pod = pod(&[(0, Some(10))], Some(9_000), used);
    let scopes = scopes(&[]);
    assert_eq!(
        told(&pod, &scopes, Bills::Request),
        ["t0 request 0..9000 x 10"]
    );
    assert_eq!(
        told(&pod, &scopes, Bills::Usage),
        [
            "t0 usage 0..3600 x 4",
            "t0 usage 3600..7200 x 20",
            "t0 unobserved 7200..9000 x 0"
        ]
    );
    assert_eq!(
        told(&pod, &scopes, Bills::Greater),
        [
            "t0 request 0..3600 x 10",
            "t0 usage 3600..7200 x 20",
            "t0 request 7200..9000 x 10"
        ]
    );
}

#[test]
fn what_lasts_goes_on_by_its_request_and_what_asks_for_nothing_by_its_use() {
    let scopes = scopes(&[]);
    let lasting = pod(&[(1_800, Some(10))], None, vec![amount(1_800, 2_700, 7)]);
    assert_eq!(
        told(&lasting, &scopes, Bills::Greater),
        ["t0 request 1800.. x 10"]
    );
    // Seven over 1,800 s: one in each of the first seven.
    let besteffort = pod(&[(1_800, Some(0))], None, vec![amount(1_800, 2_700, 7)]);
    assert_eq!(
        told(&besteffort, &scopes, Bills::Greater),
        ["t0 usage 1800..1807 x 1", "t0 usage 1807..3600 x 0"]
    );
    assert_eq!(
        told(&besteffort, &scopes, Bills::Request),
        Vec::<String>::new()
    );
}

#[test]
fn what_nobody_saw_is_not_guessed() {
    let mut unread = amount(0, 3_600, 999_999);
    unread.gap = "not read";
    let pod = pod(
        &[(0, Some(10)), (5_400, None)],
        Some(7_200),
        vec![unread, amount(3_600, 7_200, 72_000)],
    );
    let scopes = scopes(&[]);
    assert_eq!(
        told(&pod, &scopes, Bills::Greater),
        [
            "t0 request 0..3600 x 10",
            "t0 usage 3600..5400 x 20",
            "t0 unobserved 5400..7200 x 0"
        ]
    );
}

#[test]
fn owners_of_one_hour_are_held_apart() {
    // Ten a second were asked for, and five used evenly; at the half the pod is asked for little by its next owner.
    let pod = pod(
        &[(0, Some(10)), (1_800, Some(1))],
        Some(3_600),
        vec![amount(0, 3_600, 18_000)],
    );
    assert_eq!(
        told(&pod, &scopes(&[1_800]), Bills::Greater),
        ["t0 request 0..1800 x 10", "t1 usage 1800..3600 x 5"]
    );
    // Under one owner the hour is one: 18,000 used and 19,800 asked for.
    assert_eq!(
        told(&pod, &scopes(&[]), Bills::Greater),
        ["t0 request 0..1800 x 10", "t0 request 1800..3600 x 1"]
    );
}

/// Random lives: each hour is the greater of two sums that are counted here second by second.
#[test]
fn random_hours_are_the_greater_of_both() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |n: i64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        i64::try_from(seed >> 1).unwrap() % n
    };
    let scopes = scopes(&[]);
    for n in 0..400 {
        let mut at = below(5_000);
        let mut requests = Vec::new();
        for _ in 0..=below(3) {
            requests.push((at, Some(below(50))));
            at += 1 + below(5_000);
        }
        let (first, end) = (requests[0].0, at);
        let (mut t, mut used) = (first, Vec::new());
        while t < end && below(9) > 0 {
            let to = (t + 1 + below(4_000)).min(end);
            if below(5) > 0 {
                used.push(amount(t, to, below(200_000)));
            }
            t = to;
        }
        let pod = pod(&requests, Some(end), used.clone());
        let level = |s: i64| {
            requests
                .iter()
                .rev()
                .find(|(start, _)| *start <= s)
                .unwrap()
                .1
                .unwrap()
        };
        let mut hours: BTreeMap<i64, [i128; 2]> = BTreeMap::new();
        for s in first..end {
            let hour = hours.entry(s.div_euclid(HOUR_S)).or_default();
            hour[0] += i128::from(level(s));
            for u in used
                .iter()
                .filter(|u| u.start.second() <= s && s < u.end.second())
            {
                let (start, whole) = (
                    u.start.second(),
                    i128::from(u.end.second() - u.start.second()),
                );
                let upto = |s: i64| i128::from(u.quantities[USED]) * i128::from(s - start) / whole;
                hour[1] += upto(s + 1) - upto(s);
            }
        }
        let sum = |how: Bills| -> BTreeMap<i64, i128> {
            let all = stretches(&pod, &scopes, how, |b| {
                (b.start.second(), b.end.unwrap().second(), b.level)
            });
            let mut by_hour = BTreeMap::new();
            for (start, end, level) in all {
                for s in start..end {
                    *by_hour.entry(s.div_euclid(HOUR_S)).or_default() += i128::from(level);
                }
            }
            by_hour.retain(|_, sum| *sum != 0);
            by_hour
        };
        let want = |of: fn(&[i128; 2]) -> i128| -> BTreeMap<i64, i128> {
            let all = hours.iter().map(|(h, both)| (*h, of(both)));
            all.filter(|(_, sum)| *sum != 0).collect()
        };
        assert_eq!(sum(Bills::Request), want(|b| b[0]), "{n}");
        assert_eq!(sum(Bills::Usage), want(|b| b[1]), "{n}");
        assert_eq!(sum(Bills::Greater), want(|b| b[0].max(b[1])), "{n}");
    }
}

/// A random pod: what it asks for, when it ends, what it used.
fn random(below: &mut impl FnMut(i64) -> i64) -> Timeline {
    let mut at = below(5_000);
    let mut requests = Vec::new();
    for _ in 0..=below(3) {
        let unseen = below(8) == 0;
        requests.push((at, (!unseen).then(|| below(50))));
        at += 1 + below(5_000);
    }
    let (mut t, mut used) = (requests[0].0, Vec::new());
    while t < at && below(9) > 0 {
        let to = (t + 1 + below(4_000)).min(at);
        let mut one = amount(t, to, below(200_000));
        if below(6) == 0 {
            one.gap = "not read";
        }
        used.push(one);
        t = to;
    }
    let end = (below(4) > 0).then_some(at);
    pod(&requests, end, used)
}

/// Rows and the pieces that views and prices are made of say the same; and a month cut in two is the same month.
#[test]
fn rows_are_the_sums_of_pieces_and_a_cut_changes_nothing() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |n: i64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        i64::try_from(seed >> 1).unwrap() % n
    };
    for n in 0..2_000 {
        let pod = random(&mut below);
        let scopes = scopes(&[below(9_000)]);
        let how =
            [Bills::Request, Bills::Usage, Bills::Greater][usize::try_from(below(3)).unwrap()];
        let by = BTreeMap::from([(METER.to_owned(), how)]);
        let meters = meters().billed(&by).unwrap();
        let (from, to) = (below(3_000), 6_000 + below(20_000));
        let (cut, watermark) = (from + below(to - from), below(30_000));
        let life = pod.life();
        let rows = |from: i64, to: i64| -> BTreeMap<(String, String), [i128; 3]> {
            let window = Window {
                from: Ts::from_second(from),
                to: Ts::from_second(to),
                watermark: Ts::from_second(watermark),
                as_of: Ts::from_second(watermark + 500),
            };
            let mut sums = Sums::new("2026-10");
            sums.add(&life, "p", &meters, &scopes, &window);
            assert!(sums.ledger.conserved());
            let of_meter = sums.into_rows().into_iter().filter(|r| r.meter == METER);
            of_meter
                .map(|r| {
                    let sums = [r.quantity, r.observed_s.into(), r.expected_s.into()];
                    ((r.tenant.to_string(), r.dimensions["by"].clone()), sums)
                })
                .collect()
        };
        let whole = rows(from, to);
        let mut halves = rows(from, cut);
        for (key, sums) in rows(cut, to) {
            let half = halves.entry(key).or_default();
            *half = [0, 1, 2].map(|i| half[i] + sums[i]);
        }
        assert_eq!(whole, halves, "{n}");
        let mut pieces: BTreeMap<(String, String), [i128; 3]> = BTreeMap::new();
        for p in pieces_of(&life, &meters, &scopes)
            .into_iter()
            .filter(|p| p.meter == METER)
        {
            let end = p.end.map_or(i64::MAX, Ts::second).min(to);
            let seconds = |upto: i64| (end.min(upto) - p.start.second().max(from)).max(0);
            let (seen, expected) = (seconds(watermark), seconds(watermark + 500));
            if expected > 0 {
                let seen = i128::from(if p.observed { seen } else { 0 });
                let sums = pieces
                    .entry((p.tenant, p.dimensions["by"].clone()))
                    .or_default();
                let piece = [seen * i128::from(p.level), seen, expected.into()];
                *sums = [0, 1, 2].map(|i| sums[i] + piece[i]);
            }
        }
        assert_eq!(whole, pieces, "{n}: {how:?}");
    }
}
