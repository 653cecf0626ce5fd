//! Facts of made-up lives, put into the store under as many ids as a benchmark needs.

use plimsoll::{
    domain::{Aspect, Batch, Evidence, Fact, Value, digest, fact::kind},
    store::{FactQuery, Store},
};

/// Changes of state that an event tells of, in one server's month.
pub(crate) const CHANGES: usize = 10;
/// Facts in one insert.
const BATCH: usize = 250_000;

/// The facts of servers that lived all month and changed as often as is wanted.
pub(crate) async fn lives(store: &Store) -> Vec<Vec<Fact>> {
    let query = FactQuery {
        kinds: vec![kind::SERVER.to_owned()],
        ..FactQuery::all(store.now().await.unwrap())
    };
    let mut lives = Vec::new();
    let mut stream = store.resources(&query).await.unwrap();
    while let Some((_, facts)) = stream.next().await.unwrap() {
        let facts: Vec<Fact> = facts.into_iter().map(|f| f.fact).collect();
        let is_change = |f: &&Fact| f.aspect == Aspect::State && f.evidence == Evidence::Event;
        if facts.iter().filter(is_change).count() == CHANGES
            && facts.iter().all(|f| f.value != Value::Gone)
        {
            lives.push(facts);
        }
    }
    assert!(lives.len() >= 3, "only {} lives fit", lives.len());
    lives
}

/// An id as Nova's are.
fn id(n: usize) -> String {
    let id = digest::sha256_hex(&n.to_be_bytes());
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &id[part]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// Puts one life after the other into the store, in place of its servers, under so many ids; `change` has the last word on each fact of the nth. Gives the
/// number of facts.
pub(crate) async fn fill(
    store: &Store,
    lives: &[Vec<Fact>],
    servers: usize,
    change: impl Fn(usize, &mut Fact),
) -> usize {
    for sql in [
        "ALTER TABLE facts DELETE WHERE kind = 'server' SETTINGS mutations_sync = 2",
        "TRUNCATE TABLE raws",
        "TRUNCATE TABLE usage_pieces",
    ] {
        store.json(sql).await.unwrap();
    }
    let (mut batch, mut written) = (Batch::default(), 0);
    for n in 0..servers {
        let id = id(n);
        let life = lives[n % lives.len()].iter().cloned();
        batch.facts.extend(life.map(|mut f| {
            f.key.resource.clone_from(&id);
            change(n, &mut f);
            f
        }));
        if batch.facts.len() >= BATCH || n + 1 == servers {
            written += batch.facts.len();
            store.write(&std::mem::take(&mut batch)).await.unwrap();
        }
    }
    store.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
    written
}
