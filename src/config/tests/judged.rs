//! What is wrong with a configuration, and how it is said.

use super::*;

#[test]
fn every_error_at_once_with_its_place() {
    let text = r#"store:
  data_dir: /tmp/x
  insert_timeout: 10
  spool_max: 2 gigs
  embedded: {memory_max: 1MB}
  remote: {url: ftp://ch, user: u, password: {env: NOT_SET}}
sources:
  - kind: openstack
    name: a
    auth_url: https://admin:hunter2@k/v3
    usernme: u
    project: p
    password: hunter2
    interval: 1h
    full_interval: 1m
    page_size: 1e3
  - {kind: openstak, name: b}
  - kind: openstack
    name: a
    auth_url: https://k/v3
    application_credential: {id: x, secret: {file: no/such/file}}
    interface: publik
tenancy:
  contracts: {CO-1: acme}
  rules:
    - {domain: d, tenat: acme, contract: CO-1}
    - {project_name: "x-(", tenant: $1, contract: CO-1}
    - {project_name: "x-(.*)", tenant: $2, contract: CO-1}
    - {domain: d, tenant: other, contract: CO-1}
    - list: [{scope: s, source: c, tenant: acme, contract: CO-2, from: 2026-10-01, to: 2026-09-01}]
meters:
  time_zone: Europe/Stokholm
  preset: forever
  states: {compute.vcp: active, compute.gpu: [activ]}
prices: {book: nowhere.yaml}
http: {listen: 0.0.0.0:9469}
slo: {}
"#;
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn networks_are_public_by_a_pattern() {
    let key = "password:";
    let with = |pattern: &str| SOUND.replace(key, &format!("public_networks: {pattern}, {key}"));
    let wrong = problems(&with("'('")).join("\n");
    assert!(wrong.contains("sources[0].public_networks"), "{wrong}");
    let right = judged(&with("provider-.*")).unwrap();
    let source = region(&right.sources[0]);
    assert_eq!(source.public_networks.as_deref(), Some("provider-.*"));
}

#[test]
fn secrets_by_reference_alone() {
    let with = |secret: &str| problems(&SOUND.replace("{env: OS_PASSWORD}", secret)).join("\n");
    let plain = with("hunter2");
    assert!(plain.contains("sources[0].password: is plain text, expected a mapping; write it as `{env: OS_PASSWORD}` or `{file: "), "{plain}");
    assert!(
        !plain.contains("hunter2") && !plain.contains("is missing"),
        "{plain}"
    );
    assert!(
        with("{env: NOT_SET}")
            .contains("password.env: the environment variable NOT_SET is not set")
    );
    assert!(with("{evn: X}").contains("has none of the keys"));
    assert!(with("{env: X, file: y}").contains("password.file: is not a key here"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let by_file = format!("{{file: {}}}", file.display());
    fs::write(&file, "hunter2 \r\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let config = judged(&SOUND.replace("{env: OS_PASSWORD}", &by_file)).unwrap();
    let OpenStack {
        credentials: Credentials::Password { password, .. },
        ..
    } = region(&config.sources[0])
    else {
        panic!()
    };
    assert_eq!(
        password.expose(),
        "hunter2 ",
        "only the newline at the end does not count"
    );
    assert!(
        config.warnings[0]
            .to_string()
            .contains("warning: sources[0].password.file: ")
            && config.warnings.len() == 1
    );
    fs::write(&file, "\n").unwrap();
    assert!(with(&by_file).contains("is empty"));
}

#[test]
fn times_of_a_list_are_the_providers() {
    let text = "meters: {time_zone: Europe/Stockholm}\ntenancy: {rules: [{list: [\
                {scope: s, tenant: t, contract: c, to: 2026-10-01}, {scope: s, tenant: u, contract: c, from: 2026-10-01},\
                {scope: s, tenant: v, contract: c, from: 2026-09-30T00:00:00Z, to: 2026-09-30T00:00:01Z}]}]}\n";
    let config = judged(&(SOUND.to_owned() + text)).unwrap();
    let Rule::List(list) = &config.tenancy.rules[0] else {
        panic!()
    };
    assert_eq!(list[0].to, Ts::parse("2026-09-30T22:00:00Z").ok());
    assert_eq!(list[0].to, list[1].from);
    let warnings: Vec<&str> = config.warnings.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(warnings, ["tenancy.rules[0].list[2]"], "a contradiction");
}

#[test]
fn the_report_is_text_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    fs::write(&file, "sources: []\n").unwrap();
    let (report, config) = check(Some(&file), &Overrides::default());
    assert!(config.is_some() && report.ok);
    let text = report.to_string();
    assert!(
        text.contains("warning: sources: is empty")
            && text.contains("accepted, 1 warning(s): 0 source(s), 1 tenancy rule(s)"),
        "{text}"
    );
    fs::write(&file, "sorces: []\n").unwrap();
    let (report, config) = check(Some(&file), &Overrides::default());
    assert!(
        config.is_none() && report.to_string().contains("refused, 2 error(s)"),
        "{report}"
    );
    let json = serde_json::to_value(&report).unwrap();
    let hints: Vec<_> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["hint"].as_str())
        .collect();
    assert!(hints.contains(&"did you mean `sources`?"), "{hints:?}");
}

const CLOUDS: &str = r#"
base: &base {region_name: RegionOne, interface: internal}
clouds:
  lab:
    <<: *base
    auth: {auth_url: https://k:5000/v3, username: u, project_name: p, user_domain_name: D, project_domain_id: default}
  app: {auth_type: v3applicationcredential, auth: {auth_url: "https://k/v3", application_credential_id: i, application_credential_secret: s}}
  bad: {auth_type: v3kerberos, verify: false, interface: outward, auth: {user_domain_id: 5f}}
"#;

#[test]
fn clouds_yaml_and_secure_yaml() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("clouds.yaml"), CLOUDS).unwrap();
    fs::write(
        dir.path().join("secure.yaml"),
        "clouds: {lab: {auth: {password: pw}}}\n",
    )
    .unwrap();
    let of = |rest: &str| {
        let text =
            format!("sources: [{{kind: openstack, name: a, clouds_yaml: clouds.yaml, {rest}}}]\n");
        judge(
            &dir.path().join("c.yaml"),
            &text,
            &Overrides::default(),
            &env,
        )
    };
    let source = |rest: &str| match of(rest).map(|c| c.sources.into_iter().next()) {
        Ok(Some(Source::OpenStack(o))) => o,
        other => panic!("{other:?}"),
    };
    let lab = source("cloud: lab");
    assert_eq!(
        (lab.region.as_deref(), lab.interface.as_str()),
        (Some("RegionOne"), "internal")
    );
    let Credentials::Password {
        password,
        user_domain,
        project_domain,
        ..
    } = &lab.credentials
    else {
        panic!("{lab:?}")
    };
    assert_eq!(
        (
            password.expose(),
            user_domain.as_str(),
            project_domain.as_str()
        ),
        ("pw", "D", "Default")
    );
    assert_eq!(
        source("cloud: lab, region: R2, interface: admin").interface,
        "admin",
        "the source's own keys win"
    );
    assert!(
        matches!(source("cloud: app").credentials, Credentials::ApplicationCredential { id, .. } if id == "i")
    );

    let errors = |rest: &str| {
        of(rest)
            .unwrap_err()
            .iter()
            .map(|p| p.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(errors("cloud: labb").contains("did you mean `lab`?"));
    assert!(
        errors("cloud: lab, username: u").contains("sources[0].username: stands beside `cloud`")
    );
    let bad = errors("cloud: bad");
    for part in [
        "clouds.bad.verify: ",
        "clouds.bad.auth_type: `v3kerberos`",
        "clouds.bad.interface: ",
        "clouds.bad.auth.auth_url: is missing",
    ] {
        assert!(bad.contains(part), "{part}: {bad}");
    }
    assert!(bad.contains("clouds.yaml:8:"), "{bad}");
    fs::remove_file(dir.path().join("secure.yaml")).unwrap();
    assert!(errors("cloud: lab").contains("clouds.lab.auth.password: is missing"));
}

#[test]
fn price_books_are_judged_as_strictly() {
    let text = r#"name: x
currency: Euro
valid_from: 2026-02-30
rounding: {decimals: 12, mode: up}
prices:
  - {sku: A, name: a, meter: compute.instance, match: {flavor: x}, amount: 16.910, unit: instance, period: 30d}
  - {sku: A, name: a, meter: compute.instance, match: {flavour: x}, amount: "1e3", unit: instance, period: 30d}
  - {sku: B, name: b, meter: compute.instance, match: {flavor: x}, amount: "1", unit: vCPU, period: 30d}
  - {sku: C, name: c, meter: compute.memry, amount: "1", unit: GiB, period: none}
  - {sku: D, name: d, meter: compute.memory, amount: 490, per: 0, unit: GiB, period: none}
  - {sku: E, name: e, meter: compute.vcpu, amount: -1, unit: cpu, period: 30d}
"#;
    let (none, problems) = book::judge_text(FilePath::new("b.yaml"), text, None);
    assert!(none.is_none());
    insta::assert_snapshot!(
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    );

    let sound = "name: x\ncurrency: EUR\nvalid_from: 2026-02-28\nprices:\n  - {sku: A, name: a, meter: compute.gpu, amount: 16.910, unit: GPU, period: hour}\n";
    let (book, problems) = book::judge_text(FilePath::new("b.yaml"), sound, None);
    assert!(problems.is_empty(), "{problems:?}");
    let book = book.unwrap();
    let (_, price) = book.prices().next().unwrap();
    assert_eq!(
        (
            price.amount_text.as_str(),
            price.amount.to_string().as_str()
        ),
        ("16.910", "1691/100")
    );
    assert_eq!((book.decimals, book.hash.len()), (2, 64));
}

#[test]
fn brokers_have_queues_of_their_own_and_defaults() {
    let with = |broker: &str| {
        let text = format!(", notifications: [{broker}]}}]");
        SOUND.replace("}}]", &format!("}}{text}"))
    };
    let config = judged(&with(
        "{url: amqps://rabbit/nova%2Fcell1, username: u, password: {env: OS_PASSWORD}}",
    ))
    .unwrap();
    let source = region(&config.sources[0]);
    let b = &source.notifications[0];
    assert_eq!(
        (b.host.as_str(), b.port, b.vhost.as_str(), b.tls),
        ("rabbit", 5671, "nova/cell1", true)
    );
    assert_eq!(
        (b.queue.as_str(), b.queue_max_bytes),
        ("plimsoll.a", 1 << 30)
    );
    assert_eq!(b.exchanges, ["nova", "neutron", "glance", "openstack"]);
    assert_eq!(b.topics, ["notifications", "versioned_notifications"]);
    assert!(!format!("{b:?}").contains("hunter2"));
    for (broker, problem) in [
        (
            "{url: https://rabbit, username: u, password: {env: OS_PASSWORD}}",
            "neither amqp nor amqps",
        ),
        (
            "{url: amqp://u:hunter2@rabbit/, username: u, password: {env: OS_PASSWORD}}",
            "have keys of their own",
        ),
        (
            "{url: amqps://rabbit/a/b, username: u, password: {env: OS_PASSWORD}}",
            "more than one virtual host",
        ),
        (
            "{url: amqp://rabbit, username: u, password: {env: OS_PASSWORD}}",
            "sends the password in the clear; use amqps",
        ),
        (
            "{url: amqps://rabbit, username: u, password: {env: OS_PASSWORD}, queue: notifications.info}",
            "a queue that others read",
        ),
        (
            "{url: amqps://rabbit, username: u, password: {env: OS_PASSWORD}, topics: []}",
            "topics: names nothing",
        ),
        (
            "{url: amqps://rabbit, username: u, password: {env: OS_PASSWORD}, queue_max: 1KiB}",
            "queue_max: 1KiB is too little",
        ),
        (
            "{url: amqps://rabbit, username: u, password: {env: NOT_SET}}, {url: amqp://127.0.0.1, username: u, password: hunter2}",
            "NOT_SET is not set",
        ),
        (
            "{url: amqps://rabbit, username: u, password: {env: OS_PASSWORD}}, {url: amqps://rabbit/, username: v, password: {env: OS_PASSWORD}}",
            "is there already",
        ),
    ] {
        let shown = problems(&with(broker)).join("\n");
        assert!(shown.contains(problem), "{broker}\n{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(
        problems(&with(
            "{url: amqp://127.0.0.1, username: u, password: {env: OS_PASSWORD}}"
        ))
        .is_empty()
    );
}
