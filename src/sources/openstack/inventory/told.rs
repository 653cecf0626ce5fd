//! What a message shows, read as the lists read it: so that each confirms the other.

use super::{Names, network::NETWORKS};
pub(in super::super) use super::{
    image::Image,
    item::{Context, capacity, label, size, volume_types},
    network::{FloatingIp, Port, Router},
    volume::settled,
};

/// The list that names networks, and which of them are public.
pub(in super::super) const fn networks() -> &'static Names {
    &NETWORKS
}
