//! What is posted, and for how long.

use super::*;
use crate::slo::{Alpha, Burn, Evidence, Objective, Pair, Reading, Sli, Target, Window};

fn t(s: i64) -> Ts {
    Ts::from_second(1_793_000_000 + s)
}

fn slo() -> Slo {
    Slo {
        name: "server-boot".into(),
        title: "Server boot".into(),
        description: String::new(),
        service: "compute".into(),
        sli: Sli::ServerBoot { within_s: None },
        objective: Objective {
            target: Target::parse("0.99").unwrap(),
            per_tenant: true,
            tenants: BTreeMap::new(),
        },
        window: Window::Rolling(30 * 86_400),
        alpha: Alpha::default(),
    }
}

fn burn(bad: u64, spent_in_s: Option<u64>) -> Burn {
    Burn {
        pair: Pair::of(30 * 86_400, Target::parse("0.99").unwrap())[0],
        from: t(0),
        evidence: Evidence {
            long: Reading {
                bad,
                events: 40,
                covered: 60,
                expected: 60,
            },
            spent_in_s,
        },
    }
}

fn alert(bad: u64, spent_in_s: Option<u64>, now: Ts) -> Alert {
    let (slo, burn) = (slo(), burn(bad, spent_in_s));
    let burning = Burning {
        slo: &slo,
        tenant: "acme",
        burn,
    };
    Alert::burn(&burning, t(60), now)
}

#[test]
fn an_alert_names_its_evidence() {
    let told = alert(30, Some(7_200), t(100));
    let of = |key: &str| told.annotations[key].as_str();
    assert_eq!((of("bad"), of("total")), ("30", "40"));
    assert_eq!(of("p"), "< 1/1000000000");
    assert_eq!(of("coverage"), "60 of 60 min");
    assert_eq!(of("projected_breach"), t(7_260).to_string());
    assert_eq!(of("summary"), "Server boot burns its error budget for acme");
    assert!(of("description").starts_with(
        "30 of 40 events in 1h were bad: more than 14.4 times what the budget of 99 % allows, over 1h and over 5m."
    ));
    assert!(!told.annotations.contains_key("frozen"), "{told:?}");
    let labels: Vec<String> = told
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        labels.join(" "),
        "alertname=SLOErrorBudgetBurn service=compute severity=page slo=server-boot tenant=acme window=1h"
    );

    let frozen = alert(16, None, t(60 + 241));
    assert!(
        frozen.annotations["frozen"].contains(&t(60).to_string()),
        "{frozen:?}"
    );
    assert_eq!(frozen.annotations["projected_breach"], "now");
    assert_eq!(
        frozen.labels, told.labels,
        "evidence makes no other alert of it"
    );
}

/// (startsAt, endsAt) of all that is sent.
fn sent(told: &Told, now: Ts, every_s: u32) -> Vec<(Ts, Ts)> {
    let bodies = told.bodies(now, every_s);
    let time = |v: &Value| Ts::parse(v.as_str().unwrap()).unwrap();
    bodies
        .iter()
        .flat_map(|body| body.as_array().unwrap())
        .map(|a| (time(&a["startsAt"]), time(&a["endsAt"])))
        .collect()
}

#[test]
fn what_fires_is_sent_with_an_end_to_come_and_what_is_over_with_one_that_was() {
    let mut told = Told::default();
    assert_eq!(
        told.bodies(t(0), 60),
        [json!([])],
        "nothing, and that is said"
    );
    told.turn(vec![alert(30, None, t(60))], t(60));
    assert_eq!(sent(&told, t(60), 60), [(t(0), t(360))]);
    assert_eq!(
        sent(&told, t(60), 180),
        [(t(0), t(780))],
        "four posts may be lost"
    );
    // The same again: other evidence, the same alert.
    told.turn(vec![alert(20, None, t(120))], t(120));
    assert_eq!(
        (told.firing(), sent(&told, t(120), 60)),
        (1, vec![(t(0), t(420))])
    );
    told.turn(Vec::new(), t(180));
    assert_eq!(sent(&told, t(200), 60), [(t(0), t(180))]);
    told.turn(Vec::new(), t(900));
    assert_eq!(
        sent(&told, t(900), 60),
        [(t(0), t(180))],
        "who was away hears it too"
    );
    told.turn(vec![alert(30, None, t(901))], t(901));
    assert_eq!(
        sent(&told, t(901), 60),
        [(t(0), t(1_201))],
        "it fires, and is not over too"
    );
    told.turn(Vec::new(), t(902));
    told.turn(Vec::new(), t(902 + 900));
    assert_eq!(told.bodies(t(902 + 900), 60), [json!([])]);
    // Our clock may be behind the cloud's: an end is after its beginning all the same.
    told.turn(vec![alert(30, None, t(-100))], t(-100));
    told.turn(Vec::new(), t(-99));
    assert_eq!(sent(&told, t(-99), 60), [(t(0), t(1))]);
}

#[test]
fn no_post_is_larger_than_one_can_be_taken() {
    let tenants: Vec<String> = (0..1_201).map(|i| format!("t{i}")).collect();
    let (slo, burn) = (slo(), burn(30, None));
    let of = |tenant: &String| {
        let (slo, tenant) = (&slo, tenant.as_str());
        Alert::burn(&Burning { slo, tenant, burn }, t(60), t(60))
    };
    let mut told = Told::default();
    told.turn(tenants.iter().map(of).collect(), t(60));
    let sizes: Vec<usize> = told
        .bodies(t(60), 60)
        .iter()
        .map(|b| b.as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [500, 500, 201]);
}

#[test]
fn not_being_measured_is_an_alert_of_its_own() {
    let (slo, started) = (slo(), t(0));
    let at = |settled: Option<Ts>, now: Ts| Alert::unmeasured(&slo, settled, started, now);
    assert_eq!(at(Some(t(0)), t(900)), None);
    let fires = at(Some(t(0)), t(901)).unwrap();
    assert_eq!(
        (fires.labels["alertname"].as_str(), fires.from),
        ("SLOUnmeasured", t(900))
    );
    assert_eq!(at(None, t(900)), None, "it may just have been started");
    assert!(at(None, t(901)).is_some());
}
