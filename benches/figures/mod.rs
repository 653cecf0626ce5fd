//! What a benchmark found: shown, and kept in `target/bench.json` beside the other benchmarks' figures.

/// A figure: never alone, always beside a peer or a limit of the same run.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) peer: String,
    /// `value` over the peer's.
    pub(crate) ratio: f64,
}

impl Figure {
    pub(crate) fn new(name: &str, value: f64, unit: &str, peer: &str, peers: f64) -> Self {
        let (name, unit, peer) = (name.to_owned(), unit.to_owned(), peer.to_owned());
        Self {
            name,
            value,
            unit,
            peer,
            ratio: value / peers,
        }
    }
}

/// Shows figures and keeps them, in place of earlier ones of the same names.
pub(crate) fn keep(figures: Vec<Figure>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench.json");
    let kept = std::fs::read_to_string(path).unwrap_or_else(|_| "[]".to_owned());
    let mut all: Vec<Figure> = serde_json::from_str(&kept).unwrap();
    all.retain(|old| figures.iter().all(|new| new.name != old.name));
    for f in figures {
        println!(
            "{:<24} {:>12.1} {:<8} {:>9.4} x {}",
            f.name, f.value, f.unit, f.ratio, f.peer
        );
        all.push(f);
    }
    std::fs::write(path, serde_json::to_string_pretty(&all).unwrap()).unwrap();
}
