//! Clouds made up: real wire formats, chance from a seed, and a truth that is known.
//!
//! A [`Scenario`] and a seed make a [`World`]: every server's whole life, beforehand. [`router`] shows what Keystone and Nova would answer at the
//! clock's second, and no later; [`World::truth`] says what was, without the fold. Nothing here names what it is there to test.
//!
//! Log in as user `plimsoll` with password `simulated` (or with the application credential of that id and secret), scoped to project `admin` of
//! domain `Default`. Object gateways answer to the access key `simulated` with the secret key `simulated`.

mod cluster;
mod compute;
mod dice;
mod identity;
mod life;
mod lives;
mod nova;
mod requests;
mod scenario;
mod server;
mod services;
mod stock;
mod truth;
mod wire;
mod world;

#[cfg(test)]
mod tests;

pub use cluster::{Failed, TrueImage};
pub use scenario::{BadScenario, Scenario, Window};
pub use truth::{Truth, TruthEvent, TruthMeter, TruthRequests, TruthUsage};
pub use wire::{PASSWORD, USER, router, serve};
pub use world::World;
