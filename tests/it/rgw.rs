//! A zone of object gateways: what its recorded answers come to, and what becomes of its troubles.

mod buckets;
mod gateway;
mod log;
mod trouble;
mod whole;
