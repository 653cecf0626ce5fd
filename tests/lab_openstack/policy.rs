//! The account that `deploy/openstack-policy` describes: it reads what an administrator reads, changes nothing, and is shown no secret.

use crate::lab::{self, Plimsoll, env};
use plimsoll::domain::{Aspect, Timeline};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Command};

/// An account with a token, and its own project.
struct Account {
    token: String,
    project: String,
}

/// Status and body of an answer; the body is null if it is no JSON.
type Answer = (u16, Value);

fn curl(args: &[&str]) -> String {
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "120"])
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{args:?}: {out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

impl Account {
    fn of(user: &str, project: &str) -> Self {
        let domain = json!({"id": "default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user":
                {"name": user, "domain": domain, "password": env("OS_PASSWORD")}}},
            "scope": {"project": {"name": project, "domain": domain}},
        }});
        Self::with(user, &body)
    }

    fn with(user: &str, body: &Value) -> Self {
        let body = body.to_string();
        let url = identity("/auth/tokens");
        let json = "Content-Type: application/json";
        let answer = curl(&["-D", "-", "-H", json, "-d", &body, &url]);
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{user}: {answer}"));
        let token = head
            .lines()
            .find_map(|l| l.strip_prefix("X-Subject-Token: "))
            .unwrap_or_else(|| panic!("{user} gets no token: {answer}"));
        let body: Value = serde_json::from_str(body).unwrap();
        Self {
            token: token.trim().to_owned(),
            project: body["token"]["project"]["id"].as_str().unwrap().to_owned(),
        }
    }

    /// The same account by an application credential that may send only what `deploy/openstack-access-rules.json` names.
    fn narrowed(&self, user: &str) -> Self {
        let rules: Value =
            serde_json::from_str(include_str!("../../deploy/openstack-access-rules.json")).unwrap();
        let admin = Self::of("admin", "admin");
        let users = identity("/users");
        let id = admin.ids(&format!("{users}?name={user}"), "users");
        let url = format!("{users}/{}/application_credentials", id.first().unwrap());
        let name = format!("policy-{:?}", std::time::SystemTime::now());
        let body = json!({"application_credential": {"name": name, "access_rules": rules}});
        // Under load Keystone now and then does not find the very role that it has just written into the token.
        let made = (0..5).find_map(|_| {
            let (code, made) = self.ask("POST", &url, Some(&body));
            let lost = code == 400 && made.to_string().contains("Could not find role assignment");
            assert!(code == 201 || lost, "{code} {made}");
            if lost {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
            (code == 201).then_some(made)
        });
        let made = made.expect("it has the role");
        let made = &made["application_credential"];
        let body = json!({"auth": {"identity": {"methods": ["application_credential"],
            "application_credential": {"id": made["id"], "secret": made["secret"]}}}});
        Self::with(user, &body)
    }

    /// `{project}` in a URL is the account's own.
    fn ask(&self, method: &str, url: &str, body: Option<&Value>) -> Answer {
        let url = url.replace("{project}", &self.project);
        let token = format!("X-Auth-Token: {}", self.token);
        let body = body.map(ToString::to_string);
        let mut args = vec![
            "-X",
            method,
            "-w",
            "\n%{http_code}",
            "-H",
            &token,
            "-H",
            "OpenStack-API-Version: compute 2.90, volume 3.70",
            "-H",
            "X-OpenStack-Manila-API-Version: 2.80",
        ];
        if method == "HEAD" {
            args[0] = "-I";
            args.remove(1);
        }
        if let Some(body) = &body {
            args.extend(["-H", "Content-Type: application/json", "-d", body]);
        }
        args.push(&url);
        let text = curl(&args);
        let (body, code) = text.rsplit_once('\n').unwrap();
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        (code.parse().unwrap(), body)
    }

    /// All ids of a list.
    fn ids(&self, url: &str, key: &str) -> BTreeSet<String> {
        let (code, body) = self.ask("GET", url, None);
        assert_eq!(code, 200, "{url}: {body}");
        let items = body[key]
            .as_array()
            .unwrap_or_else(|| panic!("{url}: {body}"));
        let id = |i: &Value| {
            [&i["id"], &i["uuid"]]
                .into_iter()
                .find_map(Value::as_str)
                .map(str::to_owned)
        };
        items
            .iter()
            .map(|i| id(i).unwrap_or_else(|| i["id"].to_string()))
            .collect()
    }
}

/// Where a service is.
fn at(port: &str, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", env(port))
}

fn identity(path: &str) -> String {
    format!("{}{path}", env("OS_AUTH_URL"))
}

fn compute(path: &str) -> String {
    at("NOVA_PORT", &format!("/v2.1{path}"))
}

/// In the project of whoever asks.
fn volume(path: &str) -> String {
    at("CINDER_PORT", &format!("/v3/{{project}}{path}"))
}

fn network(path: &str) -> String {
    at("NEUTRON_PORT", &format!("/v2.0{path}"))
}

fn image(path: &str) -> String {
    at("GLANCE_PORT", &format!("/v2{path}"))
}

fn placement(path: &str) -> String {
    at("PLACEMENT_PORT", path)
}

fn balancer(path: &str) -> String {
    at("OCTAVIA_PORT", &format!("/v2.0/lbaas{path}"))
}

fn share(path: &str) -> String {
    at("MANILA_PORT", &format!("/v2{path}"))
}

/// A project of the seed's.
fn project(admin: &Account, name: &str) -> String {
    let url = identity(&format!("/projects?name={name}"));
    admin.ids(&url, "projects").pop_first().unwrap()
}

/// Every list that a metering account reads: URL, key, and the least that the seed leaves in it.
fn lists() -> Vec<(String, &'static str, usize)> {
    vec![
        (identity("/projects"), "projects", 5),
        (identity("/domains"), "domains", 3),
        (compute("/servers/detail?all_tenants=1"), "servers", 20),
        (
            compute("/servers/detail?all_tenants=1&deleted=true"),
            "servers",
            3,
        ),
        (compute("/flavors/detail?is_public=None"), "flavors", 6),
        (compute("/os-hypervisors"), "hypervisors", 2),
        (compute("/os-services"), "services", 4),
        (volume("/volumes/detail?all_tenants=1"), "volumes", 8),
        (volume("/snapshots/detail?all_tenants=1"), "snapshots", 1),
        (volume("/backups/detail?all_tenants=1"), "backups", 1),
        (volume("/types?is_public=None"), "volume_types", 2),
        (network("/networks"), "networks", 4),
        (network("/ports"), "ports", 20),
        (network("/floatingips"), "floatingips", 7),
        (network("/routers"), "routers", 4),
        (image("/images?limit=1000"), "images", 4),
        (placement("/resource_providers"), "resource_providers", 2),
        (balancer("/loadbalancers"), "loadbalancers", 2),
        (share("/shares/detail?all_tenants=1"), "shares", 2),
        (share("/snapshots/detail?all_tenants=1"), "snapshots", 0),
        (share("/types"), "share_types", 2),
    ]
}

#[test]
fn a_metering_account_reads_what_an_administrator_reads() {
    let (admin, meter) = (
        Account::of("admin", "admin"),
        Account::of("plimsoll-meter", "service"),
    );
    let narrowed = meter.narrowed("plimsoll-meter");
    for (url, key, least) in lists() {
        let (all, seen) = (admin.ids(&url, key), meter.ids(&url, key));
        assert_eq!(all, seen, "{url}");
        assert_eq!(all, narrowed.ids(&url, key), "by access rules: {url}");
        assert!(all.len() >= least, "{url}: {} of {least}", all.len());
        println!("{:>5} {url}", seen.len());
    }

    // What is asked for by id, of another project's: actions and events of living and deleted servers, the inventory of a host.
    for of in ["", "&deleted=true"] {
        let servers = meter.ids(
            &compute(&format!("/servers/detail?all_tenants=1{of}")),
            "servers",
        );
        let mut events = 0;
        for id in servers.iter().take(5) {
            let url = compute(&format!("/servers/{id}/os-instance-actions"));
            let actions = admin.ask("GET", &url, None);
            assert_eq!(actions, meter.ask("GET", &url, None), "{url}");
            let request = &actions.1["instanceActions"][0]["request_id"];
            let url = format!("{url}/{}", request.as_str().unwrap());
            let action = admin.ask("GET", &url, None);
            assert_eq!(action, meter.ask("GET", &url, None), "{url}");
            events += action.1["instanceAction"]["events"]
                .as_array()
                .unwrap()
                .len();
        }
        assert!(events > 0, "no events are shown{of}");
    }
    let providers = placement("/resource_providers");
    for id in meter.ids(&providers, "resource_providers") {
        for what in ["inventories", "usages"] {
            let (code, body) = meter.ask("GET", &format!("{providers}/{id}/{what}"), None);
            assert_eq!(code, 200, "{what}: {body}");
        }
    }
    let account = at(
        "SWIFT_PORT",
        &format!("/v1/AUTH_{}", project(&admin, "web")),
    );
    for account_of in [&meter, &narrowed] {
        assert_eq!(account_of.ask("HEAD", &account, None).0, 204, "{account}");
    }
    let held = format!("{account}/pictures?format=json");
    assert_eq!(narrowed.ask("GET", &held, None).0, 401, "{held}");
}

/// What must be refused: method, URL, body.
fn refused(admin: &Account) -> Vec<(&'static str, String, Option<Value>)> {
    let one = |url: &str, key: &str| admin.ids(url, key).pop_first().unwrap();
    let web = project(admin, "web");

    let server = one(&compute("/servers?all_tenants=1"), "servers");
    let server = |p: &str| compute(&format!("/servers/{server}{p}"));
    let flavor = one(&compute("/flavors"), "flavors");
    let disk = one(
        &volume("/volumes?all_tenants=1&status=available"),
        "volumes",
    );
    let backup = one(&volume("/backups?all_tenants=1"), "backups");
    let net = one(&network("/networks"), "networks");
    let fip = one(&network("/floatingips"), "floatingips");
    let picture = one(&image("/images"), "images");
    let lb = one(&balancer("/loadbalancers"), "loadbalancers");
    let files = one(&share("/shares?all_tenants=1"), "shares");
    let provider = one(&placement("/resource_providers"), "resource_providers");

    let boot = json!({"server": {"name": "no", "flavorRef": flavor, "imageRef": picture, "networks": "none"}});
    let of_disk = |p: &str| volume(&format!("/volumes/{disk}{p}"));
    vec![
        ("POST", compute("/servers"), Some(boot)),
        ("PUT", server(""), Some(json!({"server": {"name": "no"}}))),
        ("POST", server("/action"), Some(json!({"os-stop": null}))),
        (
            "POST",
            server("/action"),
            Some(json!({"os-resetState": {"state": "active"}})),
        ),
        (
            "POST",
            server("/action"),
            Some(json!({"os-getConsoleOutput": {}})),
        ),
        (
            "POST",
            server("/remote-consoles"),
            Some(json!({"remote_console": {"protocol": "vnc", "type": "novnc"}})),
        ),
        ("GET", server("/os-server-password"), None),
        ("GET", server("/diagnostics"), None),
        ("PUT", server("/tags/no"), None),
        ("DELETE", server(""), None),
        ("DELETE", compute(&format!("/flavors/{flavor}")), None),
        (
            "POST",
            volume("/volumes"),
            Some(json!({"volume": {"size": 1}})),
        ),
        (
            "POST",
            of_disk("/action"),
            Some(json!({"os-extend": {"new_size": 99}})),
        ),
        (
            "POST",
            of_disk("/action"),
            Some(json!({"os-reset_status": {"status": "error"}})),
        ),
        (
            "POST",
            of_disk("/action"),
            Some(json!({"os-force_delete": {}})),
        ),
        ("GET", of_disk("/encryption"), None),
        ("DELETE", of_disk(""), None),
        (
            "POST",
            volume("/snapshots"),
            Some(json!({"snapshot": {"volume_id": disk}})),
        ),
        (
            "POST",
            volume("/volume-transfers"),
            Some(json!({"transfer": {"volume_id": disk}})),
        ),
        (
            "GET",
            volume(&format!("/backups/{backup}/export_record")),
            None,
        ),
        ("DELETE", volume(&format!("/backups/{backup}")), None),
        (
            "POST",
            network("/networks"),
            Some(json!({"network": {"name": "no"}})),
        ),
        (
            "PUT",
            network(&format!("/networks/{net}")),
            Some(json!({"network": {"name": "no"}})),
        ),
        ("DELETE", network(&format!("/floatingips/{fip}")), None),
        (
            "POST",
            image("/images"),
            Some(json!({"name": "no", "disk_format": "raw", "container_format": "bare"})),
        ),
        ("GET", image(&format!("/images/{picture}/file")), None),
        ("DELETE", image(&format!("/images/{picture}")), None),
        (
            "POST",
            identity("/projects"),
            Some(json!({"project": {"name": "no", "domain_id": "default"}})),
        ),
        ("PUT", identity(&format!("/projects/{web}/tags/no")), None),
        ("DELETE", identity(&format!("/projects/{web}")), None),
        ("GET", identity("/users"), None),
        ("GET", identity("/role_assignments"), None),
        (
            "POST",
            placement("/resource_providers"),
            Some(json!({"name": "no"})),
        ),
        (
            "DELETE",
            placement(&format!("/resource_providers/{provider}")),
            None,
        ),
        (
            "POST",
            balancer("/loadbalancers"),
            Some(json!({"loadbalancer": {"vip_network_id": net}})),
        ),
        ("DELETE", balancer(&format!("/loadbalancers/{lb}")), None),
        (
            "POST",
            share("/shares"),
            Some(json!({"share": {"share_proto": "NFS", "size": 1}})),
        ),
        (
            "POST",
            share(&format!("/shares/{files}/action")),
            Some(json!({"extend": {"new_size": 99}})),
        ),
        ("DELETE", share(&format!("/shares/{files}")), None),
        ("PUT", at("SWIFT_PORT", &format!("/v1/AUTH_{web}/no")), None),
    ]
}

#[test]
fn a_metering_account_changes_nothing_and_is_shown_no_secret() {
    let admin = Account::of("admin", "admin");
    let meter = Account::of("plimsoll-meter", "service");
    let mut open = Vec::new();
    for (method, url, body) in refused(&admin) {
        let (code, answer) = meter.ask(method, &url, body.as_ref());
        if code != 403 {
            open.push(format!("{method} {url} {body:?}: {code} {answer}"));
        }
    }
    assert!(open.is_empty(), "not refused: {open:#?}");
    // What a server was started with may hold passwords.
    let url = compute("/servers/detail?all_tenants=1");
    let (_, servers) = meter.ask("GET", &url, None);
    assert!(!servers.to_string().contains("user_data"));
    let (_, servers) = admin.ask("GET", &url, None);
    assert!(servers.to_string().contains("user_data"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metering_account_is_enough_for_plimsoll() {
    let meter = Plimsoll::empty().configured(|text| {
        text.replace("username: admin", "username: plimsoll-meter")
            .replace("project: admin", "project: service")
    });
    println!("{}", meter.ok(&["check", "--online"]));
    println!("{}", meter.ok(&["collect"]));
    let admin = Plimsoll::empty();
    admin.ok(&["collect"]);
    let mut told = Vec::new();
    for account in [&meter, &admin] {
        let store = account.store().await;
        let servers = lab::servers(&store).await;
        store.close().await.unwrap();
        // What nobody scheduled ends when it is first seen: the time of an end is not compared.
        let ended = |t: &Timeline, a| {
            let spans = lab::plain(t, a).into_iter();
            spans
                .map(|(start, end, label)| (start, end.is_some(), label))
                .collect::<Vec<_>>()
        };
        let spans: Vec<_> = servers
            .into_iter()
            .map(|(id, t)| (id, Aspect::ALL.map(|a| ended(&t, a))))
            .collect();
        assert!(spans.len() >= 27, "{} servers", spans.len());
        told.push(spans);
    }
    assert_eq!(told[0], told[1]);
}
