//! Tests against real servers and whole commands.

mod openstack;
