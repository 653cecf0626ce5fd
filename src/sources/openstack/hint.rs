//! The way out of an HTTP status, by what was asked.

use super::service::Service;

/// What a person can do about it.
pub(super) fn of(service: Service, path: &str, status: u16) -> String {
    match status {
        401 => "the token is refused even right after logging in; do all services share one Keystone, and are the clocks right?".to_owned(),
        403 => format!(
            "the account needs {}; deploy/openstack-policy gives an account no more than that",
            policy(service, path)
        ),
        404 => "the address in the catalogue may be wrong, or the thing is gone".to_owned(),
        406 => "the service no longer speaks the negotiated microversion; the next pass negotiates anew".to_owned(),
        429 => "the cloud limits our rate; lower `concurrency` or raise `interval_s`".to_owned(),
        500..=599 => "the service is in trouble; see its log".to_owned(),
        _ => "see the service's log".to_owned(),
    }
}

/// Which policy rules a request needs; by default all of them are given by the role admin.
fn policy(service: Service, path: &str) -> &'static str {
    match service {
        Service::Identity if path.starts_with("/domains") => {
            "the policy rule identity:list_domains (a system reader has it)"
        }
        Service::Identity => "the policy rule identity:list_projects (a system reader has it)",
        Service::Compute if path.contains("/os-instance-actions") => {
            "the policy rules os_compute_api:os-instance-actions:list, :show and :events for every project (by default the role admin)"
        }
        Service::Compute if path.starts_with("/flavors") => {
            "the policy rules os_compute_api:os-flavor-access and os_compute_api:os-flavor-extra-specs:index (by default the role admin)"
        }
        Service::Compute if path.starts_with("/os-hypervisors") => {
            "the policy rule os_compute_api:os-hypervisors:list (by default the role admin)"
        }
        Service::Compute => {
            "the policy rules os_compute_api:servers:detail, :detail:get_all_tenants and :show (by default the role admin)"
        }
        Service::Volume if path.starts_with("/os-services") => {
            "the policy rule volume_extension:services:index (by default the role admin)"
        }
        Service::Volume => {
            "the policy rules volume:get_all, volume_extension:volume_tenant_attribute, volume:get_all_snapshots, backup:get_all and the context of an \
             administrator (by default the role admin)"
        }
        Service::Image if path.starts_with("/tasks") => {
            "the policy rules context_is_admin, which shows images of every project, and tasks_api_access (by default the role admin has both); in place of the \
             latter, one private image of another project is proof enough"
        }
        Service::Image => {
            "the policy rule get_images and, for images of every project, context_is_admin (by default the role admin)"
        }
        Service::Network if path.starts_with("/quotas") => {
            "the policy rule context_is_admin, which shows what every project owns (by default the role admin)"
        }
        Service::Network => {
            "the policy rules get_network, get_floatingip, get_port and get_router for every project (by default the role admin)"
        }
        Service::LoadBalancer if path.starts_with("/lbaas/flavors") => {
            "the policy rule os_load-balancer_api:flavor:get_all (by default every observer of load balancers has it)"
        }
        Service::LoadBalancer => {
            "the policy rule os_load-balancer_api:loadbalancer:get_all-global (by default the roles admin and load-balancer_global_observer)"
        }
        Service::Share if path.starts_with("/services") => {
            "the policy rule service:index (by default the role admin)"
        }
        Service::Share => "the policy rule share:list_all_projects (by default the role admin)",
        Service::ObjectStore => {
            "a role of a reseller administrator in Swift (by default ResellerAdmin)"
        }
        Service::Placement => {
            "the policy rules placement:resource_providers:list and :inventories:list (by default the role admin)"
        }
    }
}
