//! Metrics from a page to lines of usage: a small exporter of our own, read by the program itself.

mod page;
mod rotated;
mod server;
mod stored;

use crate::harness::{Plimsoll, json};
use page::Exporter;
use serde_json::Value;
use std::fs;

/// Two counters of one host, and a gauge.
fn shown(joules: [&str; 2], watts: &str) -> String {
    format!(
        "# HELP node_rapl_package_joules_total Current RAPL package value in joules\n\
         # TYPE node_rapl_package_joules_total counter\n\
         node_rapl_package_joules_total{{index=\"0\",path=\"/sys/class/powercap/intel-rapl:0\"}} {}\n\
         node_rapl_package_joules_total{{index=\"1\",path=\"/sys/class/powercap/intel-rapl:1\"}} {}\n\
         # TYPE ipmi_dcmi_power_consumption_current_watts gauge\n\
         ipmi_dcmi_power_consumption_current_watts {watts}\n",
        joules[0], joules[1]
    )
}

fn config(exporter: &Exporter, more: &str) -> String {
    format!(
        r#"
sources:
  - kind: prometheus
    name: exporters
    bearer_token: {{env: TOKEN}}
    timeout: 5s
    targets:
      - {{url: "http://{address}/metrics", name: cmp1, labels: {{host: cmp1}}}}
{more}
    metrics:
      - {{metric: node_rapl_package_joules_total, meter: host.energy, scale: 1e6, resource: [host], contract: CO-001, dimensions: {{package: index}}}}
      - {{metric: ipmi_dcmi_power_consumption_current_watts, meter: host.power, resource: [host], contract: CO-001, keep: 5m}}
tenancy:
  contracts: {{CO-001: norrland-kommun}}
  rules: [{{project_tag: "contract:"}}]
meters:
  time_zone: Europe/Stockholm
  declared:
    - {{name: host.energy, description: Energy, unit: uJ, kind: amount, dimensions: [package]}}
    - {{name: host.power, description: Power, unit: W, kind: level}}
"#,
        address = exporter.address
    )
}

fn plimsoll(config: &str) -> Plimsoll {
    let p = Plimsoll::quickstart();
    let file = p.dir().join("plimsoll.yaml");
    fs::write(&file, config).unwrap();
    p.configured(file)
}

/// Runs it with the token: (exit code, stdout, stderr).
fn run(p: &Plimsoll, args: &[&str], token: &str) -> (i32, String, String) {
    let out = p.command(args).env("TOKEN", token).output().unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (
        out.status.code().unwrap_or(-1),
        text(out.stdout),
        text(out.stderr),
    )
}

fn ok(p: &Plimsoll, args: &[&str]) -> String {
    let (code, out, err) = run(p, args, page::TOKEN);
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    out
}

fn usage(p: &Plimsoll, month: &str) -> Vec<Value> {
    let out = ok(p, &["usage", "--month", month, "--format", "json"]);
    json(&out)["rows"].as_array().unwrap().clone()
}

/// (meter, dimension `package`, quantity, observed, expected).
fn told(rows: &[Value]) -> Vec<(String, String, String, i64, i64)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let of = |r: &Value| {
        assert_eq!(
            (text(&r["tenant"]), text(&r["resource"])),
            ("norrland-kommun".to_owned(), "cmp1".to_owned())
        );
        (
            text(&r["meter"]),
            text(&r["dimensions"]["package"]),
            text(&r["quantity"]),
            r["observed_s"].as_i64().unwrap(),
            r["expected_s"].as_i64().unwrap(),
        )
    };
    rows.iter().map(of).collect()
}

fn row(
    meter: &str,
    package: &str,
    quantity: &str,
    observed: i64,
    expected: i64,
) -> (String, String, String, i64, i64) {
    (
        meter.to_owned(),
        package.to_owned(),
        quantity.to_owned(),
        observed,
        expected,
    )
}

#[test]
fn a_scraped_counter_is_usage_across_a_reset_and_the_end_of_a_month() {
    let exporter = Exporter::start();
    let p = plimsoll(&config(&exporter, ""));
    for (date, joules, watts) in [
        ("Mon, 05 Oct 2026 10:00:00 GMT", ["100.25", "7"], "120"),
        ("Mon, 05 Oct 2026 11:00:00 GMT", ["100.75", "8"], "130"),
        // The first begins anew: what it counted since eleven is lost, but for what it shows.
        ("Mon, 05 Oct 2026 12:00:00 GMT", ["0.5", "9"], "10"),
        ("Mon, 05 Oct 2026 13:00:00 GMT", ["1e0", "9.5"], "10"),
        // October ends at 23:00 UTC in Stockholm: what begins before belongs to it, whole.
        ("Sat, 31 Oct 2026 22:59:00 GMT", ["2", "10"], "10"),
        ("Sat, 31 Oct 2026 23:01:00 GMT", ["2.25", "10.125"], "10"),
        ("Sat, 31 Oct 2026 23:30:00 GMT", ["5", "10.125"], "10"),
    ] {
        exporter.show(date, &shown(joules, watts));
        let said = ok(&p, &["collect"]);
        assert!(
            said.contains("exporters cmp1: complete, 3 items, 3 facts"),
            "{said}"
        );
    }
    let day = 86_400;
    let whole = 26 * day + 12 * 3_600 + 59 * 60 + 60;
    let power = 3 * 600 + 600 + 60;
    let october = [
        row("host.energy", "0", "2750000", whole - 3_600, whole),
        row("host.energy", "1", "3125000", whole, whole),
        row("host.power", "", "162600", power, whole),
    ];
    assert_eq!(told(&usage(&p, "2026-10")), october);
    let november = [
        row("host.energy", "0", "2750000", 29 * 60, 29 * 60),
        row("host.energy", "1", "0", 29 * 60, 29 * 60),
        row(
            "host.power",
            "",
            &(60 * 10 + 600 * 10).to_string(),
            660,
            30 * 60,
        ),
    ];
    assert_eq!(told(&usage(&p, "2026-11")), november);
    // Whatever is read again changes nothing.
    ok(&p, &["collect"]);
    assert_eq!(told(&usage(&p, "2026-11")), november);

    let rows = usage(&p, "2026-10");
    let text = ok(&p, &["explain", rows[0]["id"].as_str().unwrap()]);
    for words in [
        "2026-10-05T10:00:00Z .. 2026-10-05T11:00:00Z  counted 500000",
        "2026-10-05T11:00:00Z .. 2026-10-05T12:00:00Z  not observed: counted 500000",
        r#"node_rapl_package_joules_total{host="cmp1",index="0","#,
        "host.energy=100750000",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn a_dead_target_spoils_no_other_and_each_trouble_is_named() {
    let exporter = Exporter::start();
    exporter.show("Mon, 05 Oct 2026 10:00:00 GMT", &shown(["1", "2"], "NaN"));
    let p = plimsoll(&config(
        &exporter,
        "      - {url: \"http://127.0.0.1:9/metrics\", name: dead}",
    ));
    let (code, out, err) = run(&p, &["collect"], page::TOKEN);
    assert_eq!(code, 1, "in part\n{out}\n{err}");
    assert!(
        out.contains("exporters cmp1: complete, 3 items, 2 facts"),
        "{out}"
    );
    assert!(
        out.contains(
            "1 sample was not read: ipmi_dcmi_power_consumption_current_watts{host=\"cmp1\""
        ),
        "{out}"
    );
    assert!(out.contains("exporters dead: FAILED"), "{out}");

    let (code, out, err) = run(&p, &["collect"], "wrong-secret");
    assert_eq!(code, 3, "{out}\n{err}");
    assert!(
        out.contains("status 401") && out.contains("give `bearer_token`"),
        "{out}"
    );
    assert!(
        !out.contains("wrong-secret") && !err.contains("wrong-secret"),
        "{out}{err}"
    );
}

#[test]
fn check_online_says_which_series_feed_what() {
    let exporter = Exporter::start();
    exporter.show(
        "Mon, 05 Oct 2026 10:00:00 GMT",
        &shown(["1", "2"], "3").replace("ipmi_dcmi", "ipmi_dcma"),
    );
    let p = plimsoll(&config(&exporter, ""));
    let (_, out, err) = run(&p, &["check", "--online"], page::TOKEN);
    let said = format!("{out}{err}");
    assert!(
        said.contains("cmp1: 2 series of node_rapl_package_joules_total for host.energy"),
        "{said}"
    );
    assert!(
        said.contains("cmp1: no series of ipmi_dcmi_power_consumption_current_watts"),
        "{said}"
    );
}
