//! The numbered invariants, as tests and production counters name them.

/// One of the promises the design makes. The number is part of its public name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// 1: no float touches money, quantities or joules.
    NoFloat = 1,
    /// 2: the same facts in any order, duplicated or batched otherwise, give the same usage.
    OrderFree = 2,
    /// 3: tenants + unattributed = total, exactly.
    Conserved = 3,
    /// 4: spans of one (cloud, resource, aspect) never overlap; between them the state is known or a gap is recorded.
    SpansDisjoint = 4,
    /// 5: nothing is billed beyond a watermark, nothing observed is dropped.
    WithinWatermark = 5,
    /// 6: an acknowledged fact survives.
    Durable = 6,
    /// 7: a closed month's bytes stay.
    Closed = 7,
    /// 8: no tenant sees another's.
    Isolated = 8,
    /// 9: a hung or lying source spoils no other.
    Independent = 9,
    /// 10: energy's children sum to the parent.
    EnergyConserved = 10,
    /// 11: secrets appear nowhere.
    NoSecrets = 11,
}

impl Invariant {
    /// All, by number.
    pub const ALL: [Self; 11] = [
        Self::NoFloat,
        Self::OrderFree,
        Self::Conserved,
        Self::SpansDisjoint,
        Self::WithinWatermark,
        Self::Durable,
        Self::Closed,
        Self::Isolated,
        Self::Independent,
        Self::EnergyConserved,
        Self::NoSecrets,
    ];

    /// The label value of `plimsoll_invariant_violations_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoFloat => "1_no_float",
            Self::OrderFree => "2_order_free",
            Self::Conserved => "3_conserved",
            Self::SpansDisjoint => "4_spans_disjoint",
            Self::WithinWatermark => "5_within_watermark",
            Self::Durable => "6_durable",
            Self::Closed => "7_closed",
            Self::Isolated => "8_isolated",
            Self::Independent => "9_independent",
            Self::EnergyConserved => "10_energy_conserved",
            Self::NoSecrets => "11_no_secrets",
        }
    }
}
