//! Gauges of images that are named after volumes and are no volume's.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCause {
    source: String,
    cause: &'static str,
}

/// How many there are, and what they were made to hold, by source and cause.
#[derive(Debug, Default)]
pub struct Ghosts {
    count: Family<OfCause, Gauge>,
    bytes: Family<OfCause, Gauge>,
}

impl Ghosts {
    pub(super) fn register(&self, r: &mut Registry) {
        let help = "Images named after Cinder volumes that are no volume's, by cause: known once both lists were read";
        r.register("storage_ghosts", help, self.count.clone());
        let help = "What those images were made to hold";
        let (name, unit) = ("storage_ghost", Unit::Bytes);
        r.register_with_unit(name, help, unit, self.bytes.clone());
    }

    /// Those of a source and cause.
    pub fn set(&self, source: &str, cause: &'static str, count: u64, bytes: i128) {
        let of = OfCause {
            source: source.to_owned(),
            cause,
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.count.get_or_create(&of).set(count);
        self.bytes.get_or_create(&of).set(bytes);
    }
}
