//! Ground floor: the vocabulary every room shares. Pure: no clock, no I/O, no async.

pub mod batch;
pub mod bill;
pub mod charge;
pub mod credit;
pub mod decimal;
pub mod digest;
pub mod fact;
pub mod invariant;
pub mod memory;
pub mod meter;
pub mod money;
pub mod ownership;
pub mod pass;
pub mod period;
pub mod price;
pub mod profile;
pub mod shared;
pub mod span;
pub mod tenancy;
pub mod time;
pub mod usage;

pub use batch::{Batch, Raw};
pub use charge::Charge;
pub use decimal::Decimal;
pub use fact::{Aspect, Evidence, Fact, Known, ResourceKey, StoredFact, Value};
pub use memory::Memory;
pub use meter::{Meter, Meters};
pub use ownership::{Owner, OwnerSpan};
pub use pass::{Outcome, Pass, PassMode};
pub use period::Period;
pub use price::PriceBook;
pub use shared::{Shared, Sharing};
pub use span::{Amount, Life, Span, Timeline};
pub use tenancy::Tenancy;
pub use time::Ts;
pub use usage::UsageRow;
