//! `plimsoll import`: events of another system, from a file to lines of usage, once.

use crate::harness::{Plimsoll, json};
use serde_json::{Value, json as j};
use std::fs;

const CONFIG: &str = r#"
sources: []
tenancy:
  contracts: {CO-001: norrland-kommun}
  rules:
    - project_tag: "contract:"
meters:
  time_zone: Europe/Stockholm
  declared:
    - {name: backup.protected, description: Protected data, unit: By, kind: level, dimensions: [product]}
    - {name: licence.calls, description: Calls of the interface, unit: "{call}", kind: amount}
"#;

fn plimsoll() -> Plimsoll {
    let p = Plimsoll::quickstart();
    let config = p.dir().join("plimsoll.yaml");
    fs::write(&config, CONFIG).unwrap();
    p.configured(config)
}

fn event(id: &str, data: Value) -> String {
    j!({"specversion": "1.0", "type": "plimsoll.usage.v1", "source": "backup.example", "id": id, "subject": "vault-3", "data": data})
        .to_string()
}

fn file(p: &Plimsoll, lines: &[String]) -> String {
    let path = p.dir().join("events.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn usage(p: &Plimsoll) -> Vec<Value> {
    let out = p.ok(&["usage", "--month", "2026-10", "--format", "json"]);
    json(&out)["rows"].as_array().unwrap().clone()
}

fn events() -> Vec<String> {
    let calls = |id: &str, day: u32, n: u32| {
        let (from, to) = (
            format!("2026-10-{day:02}T00:00:00Z"),
            format!("2026-10-{:02}T00:00:00Z", day + 1),
        );
        event(
            id,
            j!({"meter": "licence.calls", "quantity": n, "from": from, "to": to, "contract": "CO-001"}),
        )
    };
    vec![
        // From September into November: October's part is October's.
        event(
            "1",
            j!({"meter": "backup.protected", "quantity": "4000000000000", "from": "2026-09-15T00:00:00Z", "to": "2026-11-15T00:00:00Z",
                "contract": "CO-001", "dimensions": {"product": "gold"}}),
        ),
        calls("2", 1, 7),
        calls("3", 1, 7),
        calls("4", 2, 5),
        event(
            "5",
            j!({"meter": "licence.calls", "quantity": 11, "from": "2026-10-03T00:00:00Z", "to": "2026-10-04T00:00:00Z",
                "cloud": "north", "scope": "p-unknown"}),
        ),
    ]
}

#[test]
fn what_is_imported_is_usage_and_counts_once() {
    let p = plimsoll();
    let path = file(&p, &events());
    let said = p.ok(&["import", &path]);
    assert!(
        said.contains("5 events imported, 0 of 5 were known"),
        "{said}"
    );
    let first = usage(&p);
    let of = |meter: &str, tenant: &str| {
        let found: Vec<&Value> = first
            .iter()
            .filter(|r| r["meter"] == meter && r["tenant"] == tenant)
            .collect();
        assert_eq!(found.len(), 1, "{meter} of {tenant}: {first:?}");
        found[0].clone()
    };
    let protected = of("backup.protected", "norrland-kommun");
    // October has 745 hours in Stockholm.
    assert_eq!(
        protected["quantity"],
        (4_000_000_000_000_i128 * 745 * 3600).to_string()
    );
    assert_eq!(
        (&protected["unit"], &protected["dimensions"]["product"]),
        (&j!("By.s"), &j!("gold"))
    );
    assert_eq!(protected["observed_s"], protected["expected_s"]);
    assert_eq!(of("licence.calls", "norrland-kommun")["quantity"], "19");
    assert_eq!(of("licence.calls", "unattributed")["quantity"], "11");

    let said = p.ok(&["import", &path]);
    assert!(
        said.contains("0 events imported, 5 of 5 were known"),
        "{said}"
    );
    assert_eq!(usage(&p), first);

    let id = protected["id"].as_str().unwrap();
    let told = p.ok(&["explain", id, "--raw"]);
    assert!(
        told.contains("\"id\":\"1\"") && told.contains("backup.example"),
        "{told}"
    );
}

#[test]
fn a_file_with_a_wrong_line_is_refused_whole() {
    let p = plimsoll();
    let mut lines = events();
    lines.push("{\"specversion\": \"1.0\"}".to_owned());
    lines.push("nonsense".to_owned());
    lines.push(lines[1].replace("\"quantity\":7", "\"quantity\":8"));
    let path = file(&p, &lines);
    let (code, _, err) = p.run(&["import", &path]);
    assert_eq!(code, 2, "{err}");
    for words in [
        "events.jsonl:6: id: is missing",
        "events.jsonl:7: column",
        "events.jsonl:8: id: event `2` of backup.example stands in line 2",
        "none was",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    assert!(usage(&p).is_empty());
}

#[test]
fn an_event_that_changed_its_mind_is_refused() {
    let p = plimsoll();
    let path = file(&p, &events());
    p.ok(&["import", &path]);
    let before = usage(&p);
    let changed = events()[3].replace("\"quantity\":5", "\"quantity\":50");
    let path = file(&p, &[changed]);
    let (code, _, err) = p.run(&["import", &path]);
    assert_eq!(code, 2);
    assert!(
        err.contains("events.jsonl:1: id: event `4` of backup.example was imported before"),
        "{err}"
    );
    assert_eq!(usage(&p), before);
}

/// What is shipped is what is read: the schema, the example file, and the event in the guide.
#[test]
fn the_schema_the_example_and_the_guide_agree_with_the_program() {
    let read = |file: &str| {
        fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
    };
    let schema = json(&read("schemas/import/usage-event.schema.json"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let guide = read("docs/import.md");
    let shown = guide
        .split("```json")
        .nth(1)
        .and_then(|t| t.split("```").next())
        .unwrap()
        .replace('\n', " ");
    let mut lines: Vec<String> = read("deploy/import/usage-events.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    for line in lines.iter().chain([&shown]) {
        assert!(validator.is_valid(&json(line)), "{line}");
    }
    assert!(!validator.is_valid(&json(&shown.replace("\"4000", "\"4.000"))));
    lines.push(shown);
    let p = plimsoll();
    let path = file(&p, &lines);
    let said = p.ok(&["import", &path]);
    // The guide shows an event of the example file.
    assert!(
        said.contains("2 events imported, 0 of 2 were known"),
        "{said}"
    );
}
