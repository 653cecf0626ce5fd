//! Against a real Ceph (`deploy/lab/ceph`, `make lab-ceph`): hours of known requests, images and subvolumes, collected while they happened. Exists only with
//! the feature `lab`; needs what `run-tests.sh` leaves behind, and the variables it sets.
#![cfg(test)]

mod cluster;
mod lab;
mod objects;
