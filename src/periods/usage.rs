//! Usage of a month: the store's facts, folded, attributed, measured.

use crate::{
    config::Config,
    domain::{Period, Ts, usage::Usage},
    store::{Store, StoreError},
};

/// All usage of `period` as of `as_of`.
///
/// # Errors
/// When the store fails.
pub async fn compute(store: &Store, config: &Config, period: &Period, as_of: Ts) -> Result<Usage, StoreError> {
    unimplemented!()
}
