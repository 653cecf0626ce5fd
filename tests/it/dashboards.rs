//! Every dashboard: its structure, and every query of it on a real store.

use crate::grafana::{Scope, Selected};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const SOURCE: &str = "grafana-clickhouse-datasource";

/// All dashboards by file name.
fn dashboards() -> Vec<(String, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    assert!(!files.is_empty());
    let read = |f: &Path| serde_json::from_str(&std::fs::read_to_string(f).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", f.display()));
    files.iter().map(|f| (f.file_name().unwrap().to_string_lossy().into_owned(), read(f))).collect()
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

fn list<'a>(v: &'a Value, key: &str) -> &'a [Value] {
    v[key].as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong with a dashboard's structure, in words.
fn faults(d: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut ids = BTreeSet::new();
    for key in ["title", "uid", "description"] {
        if text(d, key).is_empty() {
            out.push(format!("the dashboard has no {key}"));
        }
    }
    let panels = list(d, "panels");
    if panels.is_empty() {
        out.push("no panels".to_owned());
    }
    for p in panels {
        let name = format!("panel `{}`", text(p, "title"));
        if !p["id"].as_u64().is_some_and(|id| ids.insert(id)) {
            out.push(format!("{name}: its id is missing or taken"));
        }
        if text(p, "title").is_empty() || text(p, "description").is_empty() || text(&p["fieldConfig"]["defaults"], "unit").is_empty() {
            out.push(format!("{name}: title, description or unit is missing"));
        }
        let mut refs = BTreeSet::new();
        if list(p, "targets").is_empty() {
            out.push(format!("{name}: no target"));
        }
        for t in list(p, "targets") {
            if !refs.insert(text(t, "refId")) || text(t, "refId").is_empty() {
                out.push(format!("{name}: its refId is missing or taken"));
            }
            let right = matches!((text(t, "queryType"), t["format"].as_u64()), ("timeseries", Some(0)) | ("table", Some(1)));
            if !right || text(t, "editorType") != "sql" || text(t, "pluginVersion").is_empty() {
                out.push(format!("{name}: queryType and format disagree, or it is no SQL target of v4"));
            }
            if (text(p, "type") == "timeseries") != (text(t, "queryType") == "timeseries") {
                out.push(format!("{name}: a {} fed by a {}", text(p, "type"), text(t, "queryType")));
            }
            let sql = text(t, "rawSql");
            if sql.contains("$__timeFilter") {
                out.push(format!("{name}: $__timeFilter includes its end, which then counts twice: clip with $__fromTime and $__toTime"));
            }
            if sql.contains("SELECT *") {
                out.push(format!("{name}: it selects *, so a new column changes the panel"));
            }
        }
        for holder in std::iter::once(p).chain(list(p, "targets")) {
            out.extend(wrong_source(&holder["datasource"]).map(|w| format!("{name}: {w}")));
        }
    }
    for (i, a) in panels.iter().enumerate() {
        for b in &panels[i + 1..] {
            if overlap(a, b) {
                out.push(format!("panels `{}` and `{}` overlap", text(a, "title"), text(b, "title")));
            }
        }
        let [x, _, w, h] = grid(a);
        if w == 0 || h == 0 || x + w > 24 {
            out.push(format!("panel `{}` is outside the grid of 24 columns", text(a, "title")));
        }
    }
    let variables = list(&d["templating"], "list");
    if !variables.iter().any(|v| text(v, "name") == "datasource" && text(v, "type") == "datasource" && text(v, "query") == SOURCE) {
        out.push(format!("no variable `datasource` of {SOURCE}"));
    }
    for v in variables.iter().filter(|v| text(v, "type") == "query") {
        out.extend(wrong_source(&v["datasource"]).map(|w| format!("variable `{}`: {w}", text(v, "name"))));
    }
    out
}

fn wrong_source(d: &Value) -> Option<&'static str> {
    (text(d, "type") != SOURCE || text(d, "uid") != "${datasource}").then_some("its datasource is not ${datasource}")
}

fn grid(p: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|k| p["gridPos"][k].as_u64().unwrap_or_default())
}

fn overlap(a: &Value, b: &Value) -> bool {
    let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (grid(a), grid(b));
    ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah
}

#[test]
fn dashboards_are_well_formed() {
    for (file, d) in dashboards() {
        assert_eq!(faults(&d), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn faults_are_found() {
    let (_, good) = dashboards().remove(0);
    type Spoil = fn(&mut Value);
    let spoils: [(&str, Spoil); 8] = [
        ("taken", |d| d["panels"][1]["id"] = d["panels"][0]["id"].clone()),
        ("overlap", |d| d["panels"][1]["gridPos"] = d["panels"][0]["gridPos"].clone()),
        ("description", |d| d["panels"][0]["description"] = "".into()),
        ("disagree", |d| d["panels"][0]["targets"][0]["format"] = 0.into()),
        ("refId", |d| d["panels"][0]["targets"][0]["refId"] = "".into()),
        ("not ${datasource}", |d| d["panels"][0]["targets"][0]["datasource"]["uid"] = "abc".into()),
        ("counts twice", |d| d["panels"][0]["targets"][0]["rawSql"] = "SELECT 1 WHERE $__timeFilter(t)".into()),
        ("24 columns", |d| d["panels"][0]["gridPos"]["w"] = 25.into()),
    ];
    for (word, spoil) in spoils {
        let mut d = good.clone();
        spoil(&mut d);
        assert!(faults(&d).iter().any(|f| f.contains(word)), "{word}: {:?}", faults(&d));
    }
}

/// Every query of a dashboard: (where it stands, SQL as written).
fn queries(d: &Value) -> Vec<(String, String)> {
    let of_panels = list(d, "panels").iter().flat_map(|p| {
        list(p, "targets").iter().map(|t| (format!("panel `{}` {}", text(p, "title"), text(t, "refId")), text(t, "rawSql").to_owned()))
    });
    let of_variables = list(&d["templating"], "list")
        .iter()
        .filter(|v| text(v, "type") == "query")
        .map(|v| (format!("variable `{}`", text(v, "name")), text(v, "query").to_owned()));
    of_panels.chain(of_variables).collect()
}

/// 2026-10-05, a day of 24 hours, with one tenant or all selected.
fn scope(d: &Value, tenant: Option<&str>) -> Scope {
    let all = || vec!["acme".to_owned(), "unattributed".to_owned()];
    let select = || tenant.map_or_else(|| Selected::All(all()), |t| Selected::These(vec![t.to_owned()]));
    let names = list(&d["templating"], "list").iter().filter(|v| text(v, "type") == "query").map(|v| text(v, "name").to_owned());
    Scope {
        from_ms: 1_791_158_400_000,
        to_ms: 1_791_244_800_000,
        interval_s: 600,
        variables: names.map(|n| (n, select())).collect::<BTreeMap<_, _>>(),
    }
}

#[test]
fn every_query_expands() {
    for (file, d) in dashboards() {
        for (place, sql) in queries(&d) {
            for tenant in [None, Some("it's")] {
                let expanded = scope(&d, tenant).expand(&sql);
                assert!(expanded.as_ref().is_ok_and(|s| !s.contains("$__")), "{file}: {place}: {expanded:?}");
            }
        }
    }
}
