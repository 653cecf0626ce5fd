//! Against a real OpenStack (`deploy/lab/openstack`, `make lab-openstack`): two minutes of known actions, collected while they happened. Exists only with
//! the feature `lab`; needs what `run-tests.sh` leaves behind, and the variables it sets.
#![cfg(test)]

mod afterwards;
mod lab;
mod partial;
mod policy;
mod probes;
mod spans;
mod things;
mod together;
mod truth;
