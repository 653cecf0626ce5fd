//! Kubernetes clusters: three ways to reach one, and what is wrong with each.

use super::*;
use crate::config::{Account, Ca, KubeletPage, Kubernetes};
use crate::domain::{meter::Bills, tenancy::Idle};
use regex::Regex;

const PEM: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";

fn source(dir: &FilePath, rest: &str) -> Result<Kubernetes, Vec<String>> {
    let text = format!("sources: [{{kind: kubernetes, name: okd, {rest}}}]\n");
    let none: fn(&str) -> Option<String> = |_| None;
    match judge(&dir.join("c.yaml"), &text, &Overrides::default(), &none) {
        Ok(config) => match config.sources.into_iter().next() {
            Some(Source::Kubernetes(k)) => Ok(k),
            other => panic!("{other:?}"),
        },
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

fn refused(dir: &FilePath, rest: &str, words: &[&str]) {
    let problems = source(dir, rest).unwrap_err().join("\n");
    for word in words {
        assert!(problems.contains(word), "`{word}` is not in: {problems}");
    }
    assert!(!problems.contains("hunter2"));
}

#[test]
fn by_url_token_and_ca() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    let k = source(
        dir.path(),
        "url: https://api.okd.example:6443, token_file: token",
    )
    .unwrap();
    assert_eq!(
        (
            k.interval_s,
            k.full_interval_s,
            k.page_size,
            k.body_max_bytes
        ),
        (60, 3_600, 500, 64 << 20)
    );
    assert!(matches!(&k.account, Account::TokenFile(f) if *f == dir.path().join("token")));
    let gpus = Regex::new(&format!("^(?:{})$", k.gpu_resources)).unwrap();
    for (device, is_one) in [
        ("nvidia.com/gpu", true),
        ("nvidia.com/gpu.shared", true),
        ("nvidia.com/mig-1g.5gb", true),
        ("amd.com/gpu", true),
        ("gpu.intel.com/xe", true),
        ("nvidia.com/pgpu_monitor", false),
        ("gpu.intel.com/i915_monitoring", false),
    ] {
        assert_eq!(gpus.is_match(device), is_one, "{device}");
    }
    refused(dir.path(), "url: https://k", &["token_file: is missing"]);
    refused(
        dir.path(),
        "url: https://k, token_file: nowhere",
        &["token_file", "nowhere cannot be read"],
    );
    refused(
        dir.path(),
        "interval: 1m",
        &["does not say how it is reached", "in_cluster: true"],
    );
    refused(
        dir.path(),
        "url: https://k, token_file: token, interval: 2h, full_interval: 1h",
        &[
            "interval: 2h is out of bounds",
            "full lists are the rarer ones",
        ],
    );
    refused(
        dir.path(),
        "url: https://k, token_file: token, context: x",
        &["context: needs `kubeconfig`"],
    );
}

#[test]
fn in_a_pod_of_the_cluster() {
    let dir = tempfile::tempdir().unwrap();
    refused(
        dir.path(),
        "in_cluster: true",
        &["KUBERNETES_SERVICE_HOST", "this is no pod of a cluster"],
    );
    refused(
        dir.path(),
        "in_cluster: true, url: https://k, kubeconfig: x",
        &[
            "url: stands beside `in_cluster`",
            "kubeconfig: stands beside `in_cluster`",
        ],
    );
}

#[test]
fn by_a_context_of_a_kubeconfig() {
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = |users: &str, cluster: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: one\ncontexts:\n- {{name: one, context: {{cluster: c, user: u}}}}\n- {{name: two, context: {{cluster: c, user: nobody}}}}\n\
             clusters:\n- name: c\n  cluster: {{{cluster}}}\nusers:\n{users}\n"
        );
        fs::write(dir.path().join("kubeconfig"), text).unwrap();
    };
    let server = "server: 'https://api.okd.example:6443'";
    kubeconfig(
        "- {name: u, user: {token: hunter2}}",
        &format!("{server}, certificate-authority-data: {PEM}"),
    );
    let k = source(dir.path(), "kubeconfig: kubeconfig").unwrap();
    assert_eq!(k.url.as_str(), "https://api.okd.example:6443/");
    assert!(matches!(&k.account, Account::Token(t) if t.expose() == "hunter2"));
    assert!(matches!(&k.ca, Some(Ca::Pem(pem)) if pem.starts_with("-----BEGIN CERTIFICATE-----")));
    assert!(!format!("{k:?}").contains("hunter2"));
    refused(
        dir.path(),
        "kubeconfig: kubeconfig, context: two",
        &["users", "has no `nobody`"],
    );
    refused(
        dir.path(),
        "kubeconfig: kubeconfig, context: three",
        &["contexts", "has no `three`"],
    );

    fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    kubeconfig("- {name: u, user: {tokenFile: token}}", server);
    let k = source(dir.path(), "kubeconfig: kubeconfig").unwrap();
    assert!(matches!(&k.account, Account::TokenFile(f) if f.ends_with("token")));

    kubeconfig(
        &format!("- {{name: u, user: {{client-certificate-data: {PEM}, client-key-data: {PEM}}}}}"),
        server,
    );
    let k = source(dir.path(), "kubeconfig: kubeconfig").unwrap();
    assert!(matches!(&k.account, Account::Certificate(_)));

    kubeconfig("- {name: u, user: {exec: {command: aws}}}", server);
    refused(
        dir.path(),
        "kubeconfig: kubeconfig",
        &["runs a program to log in"],
    );
    kubeconfig(
        "- {name: u, user: {client-key-data: hunter2}}",
        &format!("{server}, insecure-skip-tls-verify: true"),
    );
    refused(
        dir.path(),
        "kubeconfig: kubeconfig",
        &[
            "turns certificate checks off",
            "client-key-data",
            "is no PEM in base64",
        ],
    );
    refused(dir.path(), "kubeconfig: nowhere", &["nowhere"]);
}

#[test]
fn rules_about_namespaces() {
    let tenancy = |rules: &str| {
        format!("sources: []\ntenancy:\n  contracts: {{CO-1: acme}}\n  rules: [{rules}]\n")
    };
    let sound = "{namespace_label: a/b}, {namespace_label: tenant, value: '(.*)', tenant: $1, contract: CO-$1}, \
        {namespace_annotation: openshift.io/requester, value: '.*@acme', tenant: acme, contract: CO-1}, {namespace_name: 'acme-.*', tenant: acme, contract: CO-1}";
    assert_eq!(judged(&tenancy(sound)).unwrap().tenancy.rules.len(), 4);
    for (rule, words) in [
        (
            "{namespace_label: a, value: x}",
            "has one of `value`, `tenant` and `contract` without the others",
        ),
        (
            "{namespace_label: a, value: x, tenant: $1, contract: CO-1}",
            "`$1` is no group of value",
        ),
        (
            "{namespace_name: x, tenant: fjord, contract: CO-1}",
            "`fjord` is not the tenant of `CO-1`",
        ),
        (
            "{namespace_annotation: example.com/owner}",
            "is not kept of namespaces",
        ),
    ] {
        let problems = problems(&tenancy(rule)).join("\n");
        assert!(problems.contains(words), "{problems}");
    }
}

#[test]
fn kubelets_have_a_rhythm_and_cas_of_their_own_and_their_list_is_as_stale_as_that() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    let with = |kubelets: &str| {
        let rest = format!("url: https://k, token_file: token, kubelets: {kubelets}");
        source(dir.path(), &rest)
    };
    let k = with("{}").unwrap();
    let read = k.kubelets.as_ref().unwrap();
    assert_eq!(
        (
            read.interval_s,
            read.keep_s,
            read.timeout_s,
            read.concurrency
        ),
        (60, 900, 10, 32)
    );
    assert!(read.page == KubeletPage::Summary && read.ca_file.is_none());
    assert_eq!(Source::Kubernetes(k).inventory_interval_s(), 60);
    let k = with("{interval: 1h, keep: 1h, page: resource}").unwrap();
    assert_eq!(Source::Kubernetes(k).inventory_interval_s(), 3_600);
    for (kubelets, words) in [
        ("{interval: 1s}", "kubelets.interval: 1s is out of bounds"),
        (
            "{interval: 30m}",
            "kubelets.keep: 15m is out of bounds; from 30m to 1h",
        ),
        ("{ca_file: nowhere.pem}", "kubelets.ca_file"),
        ("{page: cadvisor}", "kubelets.page"),
    ] {
        let problems = with(kubelets).unwrap_err().join("\n");
        assert!(problems.contains(words), "{kubelets}: {problems}");
    }
}

#[test]
fn what_a_cluster_stands_on_is_named_by_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    let with = |platforms: &str| {
        let text = format!(
            "sources: [{{kind: kubernetes, name: okd, url: https://k, token_file: token}}, {{kind: openstack, name: nordic, auth_url: https://k/v3, username: u, project: p, password: {{env: OS_PASSWORD}}}}]\n\
             tenancy: {{platforms: {platforms}}}\n"
        );
        judge(
            &dir.path().join("c.yaml"),
            &text,
            &Overrides::default(),
            &env,
        )
    };
    let config =
        with("[{cluster: okd, projects: [Default/okd-1], source: nordic, idle: by_request}]");
    let tenancy = config.unwrap().tenancy;
    assert_eq!(
        (
            tenancy.platforms[0].idle,
            tenancy.platforms[0].cloud.as_deref()
        ),
        (Idle::ByRequest, Some("nordic"))
    );
    assert!(!tenancy.rules.is_empty(), "the rules are the default's");
    let config = with("[{cluster: okd, projects: []}]").unwrap();
    assert_eq!(config.tenancy.platforms[0].idle, Idle::Provider);
    let warned = config.warnings.iter().map(ToString::to_string);
    assert!(
        warned
            .into_iter()
            .any(|w| w.contains("platforms[0].projects"))
    );
    for (platforms, words) in [
        (
            "[{cluster: okd-1, projects: [a]}]",
            "tenancy.platforms[0].cluster: there is no source `okd-1` of the kind kubernetes",
        ),
        (
            "[{cluster: nordic, projects: [a]}]",
            "tenancy.platforms[0].cluster",
        ),
        (
            "[{cluster: okd, projects: [a], source: nordik}]",
            "tenancy.platforms[0].source: there is no source `nordik`",
        ),
        (
            "[{cluster: okd, projects: [a]}, {cluster: okd, projects: [b]}]",
            "tenancy.platforms[1].cluster: `okd` has an entry already",
        ),
        ("[{cluster: okd}]", "projects"),
        (
            "[{cluster: okd, projects: [a], idle: nobody}]",
            "tenancy.platforms[0].idle",
        ),
    ] {
        let problems: Vec<String> = with(platforms)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            problems.join("\n").contains(words),
            "{platforms}: {problems:#?}"
        );
    }
}

#[test]
fn what_is_billed_is_chosen_for_meters_that_have_the_choice() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    let with = |billed: &str, kubelets: &str| {
        let text = format!(
            "sources: [{{kind: kubernetes, name: okd, url: https://k, token_file: token{kubelets}}}]\nmeters: {{billed: {billed}}}\n"
        );
        judge(
            &dir.path().join("c.yaml"),
            &text,
            &Overrides::default(),
            &env,
        )
    };
    let config = with(
        "{k8s.cpu.billed: greater, k8s.memory.billed: request}",
        ", kubelets: {}",
    );
    let config = config.unwrap();
    let of_meters = |w: &&Problem| w.to_string().contains("meters.");
    assert!(!config.warnings.iter().any(|w| of_meters(&w)));
    let meters = config.meters().unwrap();
    let by = |name: &str| meters.by_name[name].billed.as_ref().unwrap().by;
    assert_eq!(
        (by("k8s.cpu.billed"), by("k8s.memory.billed")),
        (Some(Bills::Greater), Some(Bills::Request))
    );
    let warned = |billed: &str| {
        let warnings = with(billed, "").unwrap().warnings;
        let told = warnings.iter().filter(of_meters).map(ToString::to_string);
        told.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(warned("{k8s.cpu.billed: request}"), "");
    assert!(warned("{k8s.cpu.billed: usage}").contains("no kubelets are read"));
    for (billed, words) in [
        (
            "{k8s.cpu.usage: greater}",
            "meters.billed.k8s.cpu.usage: there is no meter `k8s.cpu.usage` that can be billed",
        ),
        ("{k8s.cpu.billed: most}", "meters.billed"),
    ] {
        let problems = with(billed, "").unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            problems.join("\n").contains(words),
            "{billed}: {problems:#?}"
        );
    }
}
