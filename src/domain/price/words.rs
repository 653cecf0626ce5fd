//! The words of a price: units, periods, and which seconds count. What the file says and what it means stand in one list each.

use num_bigint::BigInt;

/// Gives an enumeration its words, in one list that reader and writer share.
macro_rules! words {
    ($name:ident, $count:literal: $($value:ident = $word:literal),+ $(,)?) => {
        impl $name {
            /// All, with the word of the file.
            pub const ALL: [(Self, &'static str); $count] = [$((Self::$value, $word)),+];

            /// The word of the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }
    };
}

/// Units prices are quoted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// A thing that exists: a server, a volume.
    Instance,
    /// A cluster.
    Cluster,
    /// A load balancer.
    Loadbalancer,
    /// An address.
    Address,
    /// A virtual CPU.
    Vcpu,
    /// A CPU of a Kubernetes node.
    Cpu,
    /// An hour of one CPU's time, used and not held.
    CpuHour,
    /// A GPU.
    Gpu,
    /// A request.
    Request,
    /// An object of an object storage.
    Object,
    /// A service unit, as the price itself defines it.
    ServiceUnit,
    /// 10^9 bytes.
    Gb,
    /// 2^30 bytes.
    Gib,
    /// 10^12 bytes.
    Tb,
    /// 2^40 bytes.
    Tib,
}

words!(PriceUnit, 15:
    Instance = "instance", Cluster = "cluster", Loadbalancer = "loadbalancer", Address = "address", Vcpu = "vCPU", Cpu = "CPU", CpuHour = "CPU-hour", Gpu = "GPU",
    Request = "request", Object = "object", ServiceUnit = "service unit", Gb = "GB", Gib = "GiB", Tb = "TB", Tib = "TiB",
);

impl PriceUnit {
    /// How many of the meter's base unit it is.
    #[must_use]
    pub fn base(self) -> BigInt {
        BigInt::from(match self {
            Self::Cpu | Self::Gb => 1_000_000_000_u64,
            Self::CpuHour => 3_600_000_000_000,
            Self::Gib => 1 << 30,
            Self::Tb => 1_000_000_000_000,
            Self::Tib => 1 << 40,
            _ => 1,
        })
    }

    /// The UCUM units of meters it can price, without the time: `By` for bytes.
    #[must_use]
    pub const fn dimension(self) -> &'static str {
        match self {
            Self::Instance | Self::Cluster | Self::Loadbalancer => "1",
            Self::Address => "{address}",
            Self::Vcpu => "{vcpu}",
            Self::Cpu => "{cpu-n}",
            Self::CpuHour => "ns",
            Self::Gpu => "{gpu}",
            Self::Request => "{request}",
            Self::Object => "{object}",
            Self::ServiceUnit => "{su}",
            Self::Gb | Self::Gib | Self::Tb | Self::Tib => "By",
        }
    }

    /// True if it can price a meter of that UCUM unit (without the time). An instance fits whatever has no unit of its own here.
    #[must_use]
    pub fn counts(self, what: &str) -> bool {
        let thing = || {
            what.starts_with('{')
                && what.ends_with('}')
                && Self::ALL.iter().all(|(u, _)| u.dimension() != what)
        };
        self.dimension() == what || (self == Self::Instance && thing())
    }
}

/// Periods prices are quoted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PricePeriod {
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
    /// 2,592,000 s: what most lists mean by "a month".
    Days30,
    /// The calendar month at hand, in the provider's time zone.
    Month,
    /// None: an amount, not a level over time.
    Once,
}

words!(PricePeriod, 5: Hour = "hour", Day = "day", Days30 = "30d", Month = "month", Once = "none");

impl PricePeriod {
    /// Its seconds, in a month of so many; 1 where there is none.
    #[must_use]
    pub const fn seconds(self, month_s: i64) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Days30 => 2_592_000,
            Self::Month => month_s,
            Self::Once => 1,
        }
    }
}

/// Which seconds of a resource count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    /// Those it was used.
    #[default]
    Exact,
    /// Each stretch without a break in whole minutes.
    Minutes,
    /// Each stretch without a break in whole hours.
    Hours,
}

words!(Count, 3: Exact = "exact", Minutes = "started_minutes", Hours = "started_hours");

impl Count {
    /// Stretches count in multiples of so many seconds.
    #[must_use]
    pub const fn step_s(self) -> i64 {
        match self {
            Self::Exact => 1,
            Self::Minutes => 60,
            Self::Hours => 3_600,
        }
    }
}

/// What of a level is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quantity {
    /// Level x time.
    #[default]
    Total,
    /// The most that a contract had at once, for the whole period.
    Peak,
}

words!(Quantity, 2: Total = "total", Peak = "peak");

/// A meter's UCUM unit as what it counts, and whether it is a level over time: `By.s` is (`By`, true), `s` is (`1`, true), `By` is (`By`, false).
#[must_use]
pub fn what_of(unit: &str) -> (&str, bool) {
    match unit.strip_suffix('s') {
        Some("") => ("1", true),
        Some(rest) => rest.strip_suffix('.').map_or((unit, false), |w| (w, true)),
        None => (unit, false),
    }
}

/// True if a price per `unit` and `period` can price a meter of that UCUM unit: a price per period fits levels alone, one without fits amounts alone.
#[must_use]
pub fn fits(meter_unit: &str, unit: PriceUnit, period: PricePeriod) -> bool {
    let (what, level) = what_of(meter_unit);
    unit.counts(what) && level == (period != PricePeriod::Once)
}
