//! What readings cost in the store, and that usage asks for no more of them than it needs.

use crate::harness::open;
use plimsoll::{
    domain::{
        Aspect, Batch, Evidence, Fact, Known, Period, ResourceKey, Ts, Value,
        fact::{amount, kind},
    },
    store::FactQuery,
};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600;

/// A month of hourly readings of one host's counter, which grows by chance.
fn month(host: usize, from: i64) -> Vec<Fact> {
    let (mut value, mut chance) = (1_000_000_000_000_i64, host as u64 + 1);
    let reading = |hour: i64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        value += i64::try_from(chance >> 30).unwrap();
        let at = Ts::from_second(from + HOUR * hour + i64::try_from(host).unwrap() % 60);
        let host = format!("cmp{host:04}.example");
        Fact {
            key: ResourceKey {
                cloud: "exporters".to_owned(),
                kind: kind::MEASURED.to_owned(),
                resource: host.clone(),
            },
            aspect: Aspect::Reading,
            evidence: Evidence::Sighting,
            at,
            from: at,
            seen: at,
            value: Value::Known(Known {
                label: format!(
                    "node_rapl_package_joules_total{{host=\"{host}\",index=\"0\",instance=\"{host}:9100\"}} x 1e6"
                ),
                levels: BTreeMap::from([("host.energy".to_owned(), value)]),
                attrs: BTreeMap::from([
                    (amount::CLOUD.to_owned(), String::new()),
                    (amount::SCOPE.to_owned(), "contract:CO-003".to_owned()),
                    ("package".to_owned(), "0".to_owned()),
                ]),
            }),
            observed_at: at,
            pass: u64::try_from(hour).unwrap(),
            raw: String::new(),
        }
    };
    (0..744).map(reading).collect()
}

#[tokio::test]
async fn slow_a_month_of_hourly_readings_is_small_and_a_period_asks_for_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let october = Period::month("2026-10", chrono_tz::UTC).unwrap();
    let (from, hosts) = (october.from.second(), 200);
    for host in 0..hosts {
        let facts = month(host, from);
        store
            .write(&Batch {
                facts,
                ..Batch::default()
            })
            .await
            .unwrap();
    }
    store.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
    let parts = "SELECT sum(rows) AS n, sum(bytes_on_disk) AS bytes FROM system.parts WHERE table = 'facts' AND active";
    let told = store.json(parts).await.unwrap();
    let number = |key: &str| told[0][key].as_str().unwrap().parse::<u64>().unwrap();
    let (rows, bytes) = (number("n"), number("bytes"));
    assert_eq!(rows, 744 * hosts as u64);
    assert!(bytes / rows < 48, "{} bytes a reading", bytes / rows);
    println!("{} bytes in {rows} rows: {} a reading", bytes, bytes / rows);

    let count = async |query: FactQuery| {
        let mut stream = store.resources(&query).await.unwrap();
        let mut n = 0;
        while let Some((_, facts)) = stream.next().await.unwrap() {
            n += facts.len();
        }
        n
    };
    let all = FactQuery::all(Ts::MAX);
    assert_eq!(count(all.clone()).await, 744 * hosts);
    assert_eq!(count(all.clone().readings_of(&october)).await, 744 * hosts);
    let january = Period::month("2027-01", chrono_tz::UTC).unwrap();
    assert_eq!(count(all.readings_of(&january)).await, 0);
    // A store that remembers a cloud remembers its readings not at all: they would be as many as there are series.
    let memory = store.memory("exporters").await.unwrap();
    let open = &memory.open[kind::MEASURED];
    assert!(open.values().all(|r| r.sighted.is_empty()), "{open:?}");
    store.close().await.unwrap();
}
