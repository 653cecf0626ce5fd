//! The structure of a dashboard, and what is wrong with one.

use super::{PROMETHEUS, SOURCE, all_dashboards, collector, dashboards, list, source, text};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with a dashboard's structure, in words.
fn faults(d: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut ids = BTreeSet::new();
    let source = source(d);
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
        if text(p, "title").is_empty()
            || text(p, "description").is_empty()
            || text(&p["fieldConfig"]["defaults"], "unit").is_empty()
        {
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
            match source {
                PROMETHEUS => collector::faults(p, t, &name, &mut out),
                _ => faults_of_sql(p, t, &name, &mut out),
            }
        }
        for holder in std::iter::once(p).chain(list(p, "targets")) {
            out.extend(wrong_source(source, &holder["datasource"]).map(|w| format!("{name}: {w}")));
        }
    }
    for (i, a) in panels.iter().enumerate() {
        for b in &panels[i + 1..] {
            if overlap(a, b) {
                out.push(format!(
                    "panels `{}` and `{}` overlap",
                    text(a, "title"),
                    text(b, "title")
                ));
            }
        }
        let [x, _, w, h] = grid(a);
        if w == 0 || h == 0 || x + w > 24 {
            out.push(format!(
                "panel `{}` is outside the grid of 24 columns",
                text(a, "title")
            ));
        }
    }
    let variables = list(&d["templating"], "list");
    if ![SOURCE, PROMETHEUS].contains(&source) {
        out.push(format!(
            "no variable `datasource` of {SOURCE} or {PROMETHEUS}"
        ));
    }
    for v in variables.iter().filter(|v| text(v, "type") == "query") {
        out.extend(
            wrong_source(source, &v["datasource"])
                .map(|w| format!("variable `{}`: {w}", text(v, "name"))),
        );
    }
    out
}

fn faults_of_sql(p: &Value, t: &Value, name: &str, out: &mut Vec<String>) {
    let right = matches!(
        (text(t, "queryType"), t["format"].as_u64()),
        ("timeseries", Some(0)) | ("table", Some(1))
    );
    if !right || text(t, "editorType") != "sql" || text(t, "pluginVersion").is_empty() {
        out.push(format!(
            "{name}: queryType and format disagree, or it is no SQL target of v4"
        ));
    }
    if (text(p, "type") == "timeseries") != (text(t, "queryType") == "timeseries") {
        out.push(format!(
            "{name}: a {} fed by a {}",
            text(p, "type"),
            text(t, "queryType")
        ));
    }
    let sql = text(t, "rawSql");
    if sql.contains("$__timeFilter") {
        out.push(format!("{name}: $__timeFilter includes its end, which then counts twice: clip with $__fromTime and $__toTime"));
    }
    if sql.contains("SELECT *") {
        out.push(format!(
            "{name}: it selects *, so a new column changes the panel"
        ));
    }
}

fn wrong_source(source: &str, d: &Value) -> Option<&'static str> {
    (text(d, "type") != source || text(d, "uid") != "${datasource}")
        .then_some("its datasource is not ${datasource}")
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
    for (file, d) in all_dashboards() {
        assert_eq!(faults(&d), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn faults_are_found() {
    let (_, good) = dashboards().remove(0);
    type Spoil = fn(&mut Value);
    let spoils: [(&str, Spoil); 8] = [
        ("taken", |d| {
            d["panels"][1]["id"] = d["panels"][0]["id"].clone()
        }),
        ("overlap", |d| {
            d["panels"][1]["gridPos"] = d["panels"][0]["gridPos"].clone()
        }),
        ("description", |d| d["panels"][0]["description"] = "".into()),
        ("disagree", |d| {
            d["panels"][0]["targets"][0]["format"] = 0.into()
        }),
        ("refId", |d| {
            d["panels"][0]["targets"][0]["refId"] = "".into()
        }),
        ("not ${datasource}", |d| {
            d["panels"][0]["targets"][0]["datasource"]["uid"] = "abc".into()
        }),
        ("counts twice", |d| {
            d["panels"][0]["targets"][0]["rawSql"] = "SELECT 1 WHERE $__timeFilter(t)".into()
        }),
        ("24 columns", |d| d["panels"][0]["gridPos"]["w"] = 25.into()),
    ];
    for (word, spoil) in spoils {
        let mut d = good.clone();
        spoil(&mut d);
        assert!(
            faults(&d).iter().any(|f| f.contains(word)),
            "{word}: {:?}",
            faults(&d)
        );
    }
}
