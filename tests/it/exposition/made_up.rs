//! Pages made up from a model: what was written is what is read, in both formats; and no bytes make a reader panic.

use super::{events, strict};
use plimsoll::exposition::{Event, Events, Format, Kind, Strict};
use proptest::prelude::*;
use std::fmt::Write as _;

/// A sample: name, labels, value, time.
type Row = (String, Vec<(String, String)>, String, Option<String>);

#[derive(Debug, Clone)]
struct Family {
    kind: Kind,
    help: String,
    has_unit: bool,
    metrics: Vec<Metric>,
}

#[derive(Debug, Clone)]
struct Metric {
    label: String,
    /// What is counted, bucket by bucket or state by state.
    counts: Vec<u16>,
    value: String,
    /// How many points with a time; none has one if it is 0.
    times: u8,
    turned: bool,
    exemplar: bool,
}

const KINDS: [Kind; 8] = [
    Kind::Unknown,
    Kind::Gauge,
    Kind::Counter,
    Kind::StateSet,
    Kind::Info,
    Kind::Histogram,
    Kind::GaugeHistogram,
    Kind::Summary,
];

fn text() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        any::<char>(),
        prop::sample::select(vec!['\\', '"', '\n', 'n', '\0', '}', ',', '#', ' ', '\t'])
    ];
    prop::collection::vec(odd, 0..8).prop_map(String::from_iter)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "[-+]?[0-9]{1,20}\\.[0-9]{0,20}(e[-+]?[0-9]{1,2})?",
        "[-+]?\\.[0-9]{1,9}(E[-+]?[0-9]{1,2})?",
        "[nN][aA][nN]|[-+]?[iI]nf(inity)?",
    ]
}

fn metric() -> impl Strategy<Value = Metric> {
    let counts = prop::collection::vec(any::<u16>(), 1..5);
    (
        text(),
        counts,
        number(),
        0_u8..4,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(label, counts, value, times, turned, exemplar)| Metric {
            label,
            counts,
            value,
            times,
            turned,
            exemplar,
        })
}

fn families() -> impl Strategy<Value = Vec<Family>> {
    let family = (
        prop::sample::select(KINDS.to_vec()),
        text(),
        any::<bool>(),
        prop::collection::vec(metric(), 0..4),
    )
        .prop_map(|(kind, help, has_unit, metrics)| Family {
            kind,
            help,
            has_unit,
            metrics,
        });
    prop::collection::vec(family, 0..6)
}

/// A sample within its point: suffix, further label, value.
type Part = (&'static str, Option<(String, String)>, String);

/// The samples of one point.
fn point(name: &str, kind: Kind, m: &Metric) -> Vec<Part> {
    let sum: u32 = m.counts.iter().map(|c| u32::from(*c)).sum();
    let counted = |count, total| {
        vec![
            (count, None, format!("{sum}.0")),
            (total, None, format!("{sum}.5e1")),
        ]
    };
    match kind {
        Kind::Unknown | Kind::Gauge => vec![("", None, m.value.clone())],
        Kind::Info => vec![("_info", None, "1.00".to_owned())],
        Kind::Counter => vec![
            ("_created", None, "-12.5".to_owned()),
            ("_total", None, format!("{sum}")),
        ],
        Kind::StateSet => {
            let state = |(i, c): (usize, &u16)| {
                (
                    "",
                    Some((name.to_owned(), format!("{i}\\"))),
                    format!("{}", c % 2),
                )
            };
            m.counts.iter().enumerate().map(state).collect()
        }
        Kind::Summary => {
            let quantile = |(i, c): (usize, &u16)| {
                (
                    "",
                    Some(("quantile".to_owned(), format!("0.{i}"))),
                    format!("{c}e-2"),
                )
            };
            let quantiles = m.counts.iter().enumerate().map(quantile);
            quantiles.chain(counted("_count", "_sum")).collect()
        }
        Kind::Histogram | Kind::GaugeHistogram => {
            let mut reached = 0_u32;
            let last = m.counts.len() - 1;
            let bucket = |(i, c): (usize, &u16)| {
                reached += u32::from(*c);
                let le = if i == last {
                    "+Inf".to_owned()
                } else {
                    format!("{i}.5")
                };
                ("_bucket", Some(("le".to_owned(), le)), reached.to_string())
            };
            let buckets: Vec<_> = m.counts.iter().enumerate().map(bucket).collect();
            let counted = if kind == Kind::Histogram {
                counted("_count", "_sum")
            } else {
                counted("_gcount", "_gsum")
            };
            buckets.into_iter().chain(counted).collect()
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn labels(all: &[(String, String)]) -> String {
    let all: Vec<_> = all
        .iter()
        .map(|(n, v)| format!("{n}=\"{}\"", escaped(v)))
        .collect();
    format!("{{{}}}", all.join(","))
}

/// The OpenMetrics page of the families, and its samples.
fn written(families: &[Family]) -> (String, Vec<Row>) {
    let (mut page, mut rows) = (String::new(), Vec::new());
    for (i, f) in families.iter().enumerate() {
        // A state set's name is a label's too, and those have no colon.
        let colon = if f.kind == Kind::StateSet { "_" } else { ":" };
        let name = format!("f{i}{colon}x_s");
        writeln!(page, "# TYPE {name} {}", f.kind).unwrap();
        if f.has_unit && !matches!(f.kind, Kind::Info | Kind::StateSet) {
            writeln!(page, "# UNIT {name} s").unwrap();
        }
        writeln!(page, "# HELP {name} {}.", escaped(&f.help)).unwrap();
        for (n, m) in f.metrics.iter().enumerate() {
            for time in 0..m.times.max(1) {
                let time = (m.times > 0).then(|| format!("{}.{time}", i64::from(time) - 1));
                let time = time.map(|t| t.replace("-1.0", "-1.5"));
                for (suffix, inner, value) in point(&name, f.kind, m) {
                    let mut own = vec![
                        ("n".to_owned(), n.to_string()),
                        ("text".to_owned(), m.label.clone()),
                    ];
                    own.extend(inner);
                    if m.turned {
                        own.reverse();
                    }
                    let stamp = time.as_ref().map_or_else(String::new, |t| format!(" {t}"));
                    let bears = m.exemplar && ["_total", "_bucket"].contains(&suffix);
                    let exemplar = if bears {
                        format!(
                            " # {} -1e3 7",
                            labels(&[("id".to_owned(), m.label.clone())])
                        )
                    } else {
                        String::new()
                    };
                    writeln!(
                        page,
                        "{name}{suffix}{} {value}{stamp}{exemplar}",
                        labels(&own)
                    )
                    .unwrap();
                    rows.push((format!("{name}{suffix}"), own, value, time.clone()));
                }
            }
        }
    }
    page.push_str("# EOF\n");
    (page, rows)
}

fn rows(events: &[Event<'_>]) -> Vec<Row> {
    let row = |e: &Event<'_>| match e {
        Event::Sample(s) => {
            let labels = s
                .labels
                .iter()
                .map(|l| (l.name.to_owned(), l.value().into_owned()))
                .collect();
            Some((
                s.name.to_owned(),
                labels,
                s.value.to_string(),
                s.timestamp.map(|t| t.as_str().to_owned()),
            ))
        }
        _ => None,
    };
    events.iter().filter_map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn openmetrics_is_read_as_it_was_written(families in families()) {
        let (page, wanted) = written(&families);
        let told = strict(page.as_bytes());
        prop_assert!(told.is_ok(), "{}\n{page}", told.unwrap_err());
        let told = told.unwrap();
        prop_assert_eq!(rows(&told), wanted);
        let helps: Vec<_> = told.iter().filter_map(|e| match e {
            Event::Help { help, .. } => Some(help.text().into_owned()),
            _ => None,
        }).collect();
        let written_helps: Vec<_> = families.iter().map(|f| format!("{}.", f.help)).collect();
        prop_assert_eq!(helps, written_helps);
        let exemplars = told.iter().filter(|e| matches!(e, Event::Sample(s) if s.exemplar.is_some())).count();
        prop_assert_eq!(exemplars, page.matches(" -1e3 7\n").count());
    }

    #[test]
    fn text_is_read_as_it_was_written(families in families(), blanks in prop::collection::vec("[ \t]{0,3}", 7)) {
        let (_, mut wanted) = written(&families);
        let [lead, open, before, within, after, gap, end] = &blanks[..] else { unreachable!() };
        let mut page = format!("{lead}#{within} any comment\n{lead}\n#{end}TYPE\tx{gap} untyped{end}\n");
        for (name, labels, value, time) in &mut wanted {
            // Times are in whole milliseconds here.
            *time = time.take().map(|t| t.replace('.', ""));
            let labels: Vec<_> = labels.iter().map(|(n, v)| format!("{before}{n}{within}={after}\"{}\"{end}", escaped(v))).collect();
            let time = time.as_ref().map_or_else(String::new, |t| format!("\t{gap}{t}"));
            writeln!(page, "{lead}{name}{open}{{{},{before}}}{gap}{value}{time}{end}", labels.join(",")).unwrap();
        }
        let told = events(page.as_bytes(), Format::Text);
        prop_assert!(told.is_ok(), "{}\n{page}", told.unwrap_err());
        prop_assert_eq!(rows(&told.unwrap()), wanted);
    }

    #[test]
    fn a_page_cut_anywhere_is_refused(families in families(), at in any::<prop::sample::Index>()) {
        let (page, _) = written(&families);
        let cut = at.index(page.len() - 1);
        // The last line feed alone may be missing.
        if cut + 1 < page.len() {
            prop_assert!(Events::new(&page.as_bytes()[..cut], Format::OpenMetrics).any(|e| e.is_err()));
        }
    }

    #[test]
    fn garbled_pages_are_read_or_refused(families in families(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut page = written(&families).0.into_bytes();
        for (at, byte) in cuts {
            let at = at.index(page.len());
            page[at] = byte;
        }
        both(&page);
    }

    #[test]
    fn any_bytes_are_read_or_refused(page in prop::collection::vec(any::<u8>(), 0..60), like in "[#a{}=\",\\\\1.e \n\r\tTYPEHLUNIOF-]{0,60}") {
        both(&page);
        both(like.as_bytes());
    }
}

/// Both formats come to an end, and the rules accept nothing that the grammar does not.
fn both(page: &[u8]) {
    let _ = Events::new(page, Format::Text).count();
    let grammar = events(page, Format::OpenMetrics);
    let mut rules = Strict::new(page);
    let told: Result<Vec<_>, _> = rules.by_ref().collect();
    assert!(rules.next().is_none());
    match told {
        Ok(told) => assert_eq!(Ok(told), grammar),
        Err(e) => assert!(e.line > 0 && e.column > 0 && !e.to_string().is_empty()),
    }
}

#[test]
fn what_is_not_utf8_is_refused_where_it_is() {
    for format in [Format::Text, Format::OpenMetrics] {
        let told = events(b"a 1\nb{c=\"\xc3\xbc\xff\"} 1\n# EOF\n", format).unwrap_err();
        assert_eq!((told.line, told.column), (2, 7), "{told}");
        assert!(
            told.to_string()
                .starts_with("line 2, column 7: this is not UTF-8"),
            "{told}"
        );
    }
}

#[test]
fn a_reader_ends_at_its_first_error() {
    let mut events = Events::new(b"a 1\nb\nc 1\n", Format::Text);
    assert!(events.next().unwrap().is_ok() && events.next().unwrap().is_err());
    assert_eq!((events.next(), events.line()), (None, 2));
}

#[test]
fn the_two_formats_differ_in_helps_and_times() {
    let page = "# HELP a \\\\ \\n \\\" \t\na 1 1500\n";
    let told = events(page.as_bytes(), Format::Text).unwrap();
    let [Event::Help { help, .. }, Event::Sample(sample)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(help.text(), "\\ \n \\\"");
    assert_eq!(sample.timestamp.unwrap().nanoseconds(), Ok(1_500_000_000));
    let page = "# HELP a \\\\ \\n \\\" \t\na 1 1.5\n# EOF";
    let told = events(page.as_bytes(), Format::OpenMetrics).unwrap();
    let [Event::Help { help, .. }, Event::Sample(sample)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(help.text(), "\\ \n \" \t");
    assert_eq!(sample.timestamp.unwrap().nanoseconds(), Ok(1_500_000_000));
}
