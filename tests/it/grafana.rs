//! What Grafana's ClickHouse data source (v4) does to a query before it sends it: template variables, then macros.
//!
//! Written from the plugin's documentation and checked against the input and output pairs of its own tests, see
//! `tests/captures/grafana/ORIGIN.md`. Stricter than the plugin in one thing: what is left unexpanded is an error.

use std::collections::BTreeMap;

/// A dashboard's time range, grid and selected variables.
pub(crate) struct Scope {
    /// First instant, milliseconds since 1970.
    pub from_ms: i64,
    /// Last instant, milliseconds since 1970.
    pub to_ms: i64,
    /// Width of a point of the grid in seconds; 0 counts as 1.
    pub interval_s: u64,
    /// Selected values by variable.
    pub variables: BTreeMap<String, Selected>,
}

/// What is selected in a variable.
pub(crate) enum Selected {
    /// "All", which stands for these values.
    All(Vec<String>),
    /// These values.
    These(Vec<String>),
}

impl Selected {
    fn values(&self) -> &[String] {
        let (Self::All(v) | Self::These(v)) = self;
        v
    }
}

impl Scope {
    /// The query as it is sent.
    pub(crate) fn expand(&self, sql: &str) -> Result<String, String> {
        let sql = self.macros(sql, &["conditionalAll"])?;
        let sql = self.variables(&sql)?;
        let sql = self.macros(&sql, &[])?;
        match sql.split_once("${") {
            Some((_, rest)) => Err(format!(
                "left unexpanded: ${{{}",
                rest.chars().take(30).collect::<String>()
            )),
            None => Ok(sql),
        }
    }

    /// Expands macros outside quoted text: only the named ones, or all.
    fn macros(&self, sql: &str, only: &[&str]) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            if let Some(name) = rest.strip_prefix("$__").map(word) {
                let after = &rest[3 + name.len()..];
                if only.is_empty() || only.contains(&name) {
                    let (text, after) = self.one(name, after)?;
                    out.push_str(&text);
                    rest = after;
                    continue;
                }
            }
            let len = quoted(rest).unwrap_or(first.len_utf8());
            out.push_str(&rest[..len]);
            rest = &rest[len..];
        }
        Ok(out)
    }

    /// One macro: its text and what comes after it.
    fn one<'a>(&self, name: &str, after: &'a str) -> Result<(String, &'a str), String> {
        let (from_s, to_s) = (self.from_ms.div_euclid(1000), self.to_ms.div_euclid(1000));
        let seconds = (
            format!("toDateTime({from_s})"),
            format!("toDateTime({to_s})"),
        );
        let millis = (
            format!("fromUnixTimestamp64Milli({})", self.from_ms),
            format!("fromUnixTimestamp64Milli({})", self.to_ms),
        );
        let day = |ms: i64| {
            chrono::DateTime::from_timestamp_millis(ms)
                .map_or_else(String::new, |d| d.format("toDate('%Y-%m-%d')").to_string())
        };
        let width = self.interval_s.max(1);
        let between = |c: &str, (a, b): &(String, String)| format!("{c} >= {a} AND {c} <= {b}");
        let plain = match name {
            "fromTime" => Some(seconds.0.clone()),
            "toTime" => Some(seconds.1.clone()),
            "fromTime_ms" => Some(millis.0.clone()),
            "toTime_ms" => Some(millis.1.clone()),
            "interval_s" => Some(width.to_string()),
            _ => None,
        };
        if let Some(text) = plain {
            return Ok((text, after));
        }
        let (raw, after) =
            arguments(after).ok_or_else(|| format!("$__{name} lacks its arguments"))?;
        let want = if ["conditionalAll", "dateTimeFilter", "dt"].contains(&name) {
            2
        } else {
            1
        };
        if raw.len() != want {
            return Err(format!(
                "$__{name} takes {want} argument(s), not {}",
                raw.len()
            ));
        }
        if name == "conditionalAll" {
            let variable = raw[1].trim_matches(|c| "${}".contains(c));
            let selected = self
                .variables
                .get(variable)
                .ok_or_else(|| format!("no variable `{variable}`"))?;
            let text = if matches!(selected, Selected::All(_)) {
                "1=1".to_owned()
            } else {
                raw[0].to_owned()
            };
            return Ok((text, after));
        }
        let args = raw
            .iter()
            .map(|a| self.macros(a, &[]))
            .collect::<Result<Vec<_>, _>>()?;
        let a = &args[0];
        let days = (day(self.from_ms), day(self.to_ms));
        let text = match name {
            "timeFilter" => between(a, &seconds),
            "timeFilter_ms" => between(a, &millis),
            "dateFilter" => between(a, &days),
            "dateTimeFilter" | "dt" => format!(
                "({}) AND ({})",
                between(a, &days),
                between(&args[1], &seconds)
            ),
            "timeInterval" => {
                format!("toStartOfInterval(toDateTime({a}), INTERVAL {width} second)")
            }
            "timeInterval_ms" => format!(
                "toStartOfInterval(toDateTime64({a}, 3), INTERVAL {} millisecond)",
                width * 1000
            ),
            _ => return Err(format!("no macro $__{name}")),
        };
        Ok((text, after))
    }

    /// Replaces `$name`, `${name}` and `${name:format}`, inside quoted text too.
    fn variables(&self, sql: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = sql;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let braced = rest.strip_prefix("${").and_then(|r| r.split_once('}'));
            let (inside, after) = braced.unwrap_or_else(|| {
                let name = word(&rest[1..]);
                (name, &rest[1 + name.len()..])
            });
            let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
            if let Some(selected) = self.variables.get(name) {
                out.push_str(&formatted(selected.values(), format)?);
                rest = after;
            } else {
                out.push('$');
                rest = &rest[1..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Values of a variable as Grafana writes them by format.
fn formatted(values: &[String], format: &str) -> Result<String, String> {
    let join =
        |f: &dyn Fn(&String) -> String, by: &str| values.iter().map(f).collect::<Vec<_>>().join(by);
    Ok(match format {
        "singlequote" => join(&|v| format!("'{}'", v.replace('\'', "\\'")), ","),
        "sqlstring" => join(&|v| format!("'{}'", v.replace('\'', "''")), ","),
        "doublequote" => join(&|v| format!("\"{}\"", v.replace('"', "\\\"")), ","),
        "csv" | "raw" => join(&Clone::clone, ","),
        "pipe" => join(&Clone::clone, "|"),
        "" if values.len() == 1 => values[0].clone(),
        "" => format!("{{{}}}", values.join(",")),
        other => return Err(format!("no format `{other}` for a variable")),
    })
}

/// The leading word.
fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// Length of the quoted text or comment that begins here, with its quotes.
fn quoted(text: &str) -> Option<usize> {
    let to = |from: usize, end: &str| {
        text[from..]
            .find(end)
            .map_or(text.len(), |at| from + at + end.len())
    };
    match text.as_bytes()[0] {
        q @ (b'\'' | b'"' | b'`') => {
            let mut escaped = false;
            // A doubled quote ends one text and begins the next: for skipping, that is the same.
            let end = text.bytes().skip(1).position(|b| {
                let ends = b == q && !escaped;
                escaped = b == b'\\' && !escaped;
                ends
            });
            Some(end.map_or(text.len(), |at| at + 2))
        }
        b'-' if text.starts_with("--") => Some(to(0, "\n")),
        b'/' if text.starts_with("/*") => Some(to(2, "*/")),
        b'$' => {
            let tag = &text[..word(&text[1..]).len() + 1];
            text[tag.len()..]
                .starts_with('$')
                .then(|| to(tag.len() + 1, &format!("{tag}$")))
        }
        _ => None,
    }
}

/// The arguments in parentheses that begin here, trimmed, and what comes after them.
fn arguments(text: &str) -> Option<(Vec<&str>, &str)> {
    let body = text.strip_prefix('(')?;
    let (mut args, mut depth, mut begin, mut at) = (Vec::new(), 0, 0, 0);
    while at < body.len() {
        if let Some(len) = quoted(&body[at..]).filter(|_| !body[at..].starts_with("$__")) {
            at += len;
            continue;
        }
        match body.as_bytes()[at] {
            b'(' => depth += 1,
            b')' if depth == 0 => {
                args.push(body[begin..at].trim());
                return Some((args, &body[at + 1..]));
            }
            b')' => depth -= 1,
            b',' if depth == 0 => {
                args.push(body[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
        at += body[at..].chars().next().map_or(1, char::len_utf8);
    }
    None
}

fn scope(from: &str, to: &str, interval_s: u64) -> Scope {
    let ms = |t: &str| {
        chrono::DateTime::parse_from_rfc3339(t)
            .unwrap()
            .timestamp_millis()
    };
    Scope {
        from_ms: ms(from),
        to_ms: ms(to),
        interval_s,
        variables: BTreeMap::new(),
    }
}

/// One pair of the plugin's own tests.
#[derive(serde::Deserialize)]
struct Vector {
    test: String,
    from_: String,
    to: String,
    interval_s: u64,
    input: String,
    output: String,
}

#[test]
fn every_vector_of_the_plugin_expands_as_there() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!(
        "../captures/grafana/clickhouse_macro_vectors.json"
    ))
    .unwrap();
    assert!(vectors.len() > 10);
    for v in vectors {
        let got = scope(&v.from_, &v.to, v.interval_s).expand(&v.input);
        assert_eq!(got, Ok(v.output), "{}: {}", v.test, v.input);
    }
}

#[test]
fn macros_without_a_vector() {
    let s = scope("2026-10-01T22:00:00Z", "2026-10-03T00:00:00Z", 0);
    for (sql, want) in [
        ("$__interval_s", "1"),
        (
            "$__dateFilter(d)",
            "d >= toDate('2026-10-01') AND d <= toDate('2026-10-03')",
        ),
        (
            "$__dateTimeFilter(d, t)",
            "(d >= toDate('2026-10-01') AND d <= toDate('2026-10-03')) AND (t >= toDateTime(1790892000) AND t <= toDateTime(1790985600))",
        ),
        ("'$__fromTime' -- $__toTime", "'$__fromTime' -- $__toTime"),
        ("/* $__nope */ 1", "/* $__nope */ 1"),
    ] {
        assert_eq!(s.expand(sql).as_deref(), Ok(want), "{sql}");
    }
    for bad in [
        "$__nope",
        "$__timeFilter",
        "$__timeFilter(a, b)",
        "$__timeFilter(a",
        "${nobody}",
        "$__conditionalAll(a, $nobody)",
    ] {
        assert!(s.expand(bad).is_err(), "{bad}");
    }
}

#[test]
fn variables_by_format_and_all() {
    let mut s = scope("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", 60);
    let filter = "$__conditionalAll(tenant IN (${tenant:singlequote}), $tenant)";
    s.variables
        .insert("tenant".into(), Selected::All(vec!["a".into()]));
    assert_eq!(s.expand(filter).as_deref(), Ok("1=1"));
    s.variables.insert(
        "tenant".into(),
        Selected::These(vec!["a".into(), "it's".into()]),
    );
    assert_eq!(s.expand(filter).as_deref(), Ok(r"tenant IN ('a','it\'s')"));
    assert_eq!(
        s.expand("${tenant:sqlstring} ${tenant} ${tenant:pipe} $tenants")
            .as_deref(),
        Ok("'a','it''s' {a,it's} a|it's $tenants")
    );
    assert!(s.expand("${tenant:nope}").is_err());
    s.variables
        .insert("tenant".into(), Selected::These(vec!["a".into()]));
    assert_eq!(s.expand("$tenant '$tenant'").as_deref(), Ok("a 'a'"));
}
