//! Probes of the laboratory's own services: each is good, and with a wrong password each is bad.

use crate::lab::Plimsoll;

const SERVICES: [&str; 5] = ["identity", "compute", "volume", "network", "image"];

fn probed(password: &str) -> Plimsoll {
    let probes = SERVICES.map(|s| {
        format!("      - {{name: probed-{s}, openstack: {{source: lab, service: {s}}}}}\n")
    });
    let source = format!(
        "  - kind: probes\n    name: probes\n    timeout: 30s\n    probes:\n{}\ntenancy:",
        probes.concat()
    );
    Plimsoll::empty().configured(|text| {
        let text = text.replacen("password: {env: OS_PASSWORD}", password, 1);
        text.replacen("tenancy:", &source, 1)
    })
}

#[test]
fn real_services_are_tried() {
    let (_, out, err) = probed("password: {env: OS_PASSWORD}").run(&["check", "--online"]);
    for service in SERVICES {
        let good = format!("probe probed-{service}: good after");
        assert!(out.contains(&good), "{service}\n{out}\n{err}");
    }
    // Any variable that holds something else.
    let (_, out, err) = probed("password: {env: HOME}").run(&["check", "--online"]);
    for service in SERVICES {
        let bad = format!("probe probed-{service}: cannot log in");
        assert!(out.contains(&bad), "{service}\n{out}\n{err}");
    }
}
