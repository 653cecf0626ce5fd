//! Values that are text with a form: how each is read, and how the schema describes it.

use crate::domain::{self, Ts, money};
use chrono::{NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, net::SocketAddr};
use url::Url;

/// Declares a leaf: its type, the name of its form in the schema, what it is in words, examples, and how it is read.
macro_rules! leaf {
    ($name:ident($inner:ty), $format:literal, $words:literal, [$($example:literal),+], $read:expr) => {
        #[doc = $words]
        #[derive(Debug, Clone, Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(pub(super) $inner);

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(&text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                // Sizes and prices may be bare numbers; they are read as the text they were written as.
                let kinds: &[&str] = if matches!($format, "size" | "decimal" | "factor") { &["string", "number"] } else { &["string"] };
                json_schema!({
                    "type": kinds,
                    "format": concat!("plimsoll-", $format),
                    "description": $words,
                    "examples": [$($example),+],
                })
            }
        }
    };
}

leaf!(
    Seconds(u32),
    "duration",
    "A length of time: a whole number with `s`, `m`, `h` or `d`.",
    ["90s", "5m", "1h"],
    seconds
);
leaf!(
    Bytes(u64),
    "size",
    "A size in bytes: a whole number, alone or with `KiB`, `MiB`, `GiB`, `TiB` (1024) or `kB`, `MB`, `GB`, `TB` (1000).",
    ["256MiB", "2GB"],
    bytes
);
leaf!(
    WebUrl(Url),
    "url",
    "An `http` or `https` URL without user and password.",
    ["https://cloud.example:5000/v3"],
    web_url
);
leaf!(
    AmqpUrl(Url),
    "amqp-url",
    "An `amqp` or `amqps` URL without user and password: host, port (default 5672, or 5671), virtual host (default `/`).",
    [
        "amqps://rabbit.example:5671/",
        "amqp://rabbit.example/nova_cell1"
    ],
    amqp_url
);
leaf!(
    Pattern(String),
    "regex",
    "A regular expression (syntax of the Rust crate `regex`), matched wholly.",
    ["proj-(.+)"],
    pattern
);
leaf!(Day(NaiveDate), "date", "A date.", ["2026-10-01"], day);
leaf!(
    Moment(When),
    "moment",
    "A date (its first instant in the provider's time zone) or a time with its zone.",
    ["2026-10-01", "2026-10-01T12:00:00Z"],
    moment
);
leaf!(
    Zone(Tz),
    "time-zone",
    "A time zone of the IANA database.",
    ["Europe/Stockholm", "UTC"],
    zone
);
leaf!(
    Listen(SocketAddr),
    "listen",
    "An IP address and a port.",
    ["127.0.0.1:9469", "[::1]:9469"],
    listen
);
leaf!(
    Decimal(String),
    "decimal",
    "A decimal number, zero or more, exactly as written: no exponent, no separators.",
    ["16.91", "0.1068"],
    decimal
);
leaf!(
    Factor(String),
    "factor",
    "A decimal number above zero, exactly as written; an exponent may stand behind it.",
    ["1e6", "0.001", "1024"],
    factor
);
leaf!(
    EnvName(String),
    "env-name",
    "The name of an environment variable.",
    ["OS_PASSWORD"],
    env_name
);

/// Reads a text by the form that a schema names: what is wrong with it, if anything. Unknown forms accept everything.
pub(super) fn check(format: &str, text: &str) -> Result<(), String> {
    let own = |t: &str| t.to_owned();
    match format.strip_prefix("plimsoll-") {
        Some("duration") => Seconds::try_from(own(text)).map(drop),
        Some("size") => Bytes::try_from(own(text)).map(drop),
        Some("url") => WebUrl::try_from(own(text)).map(drop),
        Some("amqp-url") => AmqpUrl::try_from(own(text)).map(drop),
        Some("regex") => Pattern::try_from(own(text)).map(drop),
        Some("date") => Day::try_from(own(text)).map(drop),
        Some("moment") => Moment::try_from(own(text)).map(drop),
        Some("time-zone") => Zone::try_from(own(text)).map(drop),
        Some("listen") => Listen::try_from(own(text)).map(drop),
        Some("decimal") => Decimal::try_from(own(text)).map(drop),
        Some("factor") => Factor::try_from(own(text)).map(drop),
        Some("env-name") => EnvName::try_from(own(text)).map(drop),
        _ => Ok(()),
    }
}

/// A date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// The first instant of a day.
    Day(NaiveDate),
    /// This instant.
    At(Ts),
}

impl When {
    /// The instant, in the provider's time zone.
    pub(super) fn in_zone(self, zone: Tz) -> Option<Ts> {
        let day = match self {
            Self::At(t) => return Some(t),
            Self::Day(day) => day,
        };
        // Where a clock change swallows midnight the day begins when the clock goes on.
        (0..=3).find_map(|hour| {
            let local = zone.from_local_datetime(&day.and_hms_opt(hour, 0, 0)?);
            local.earliest().map(|t| Ts(t.timestamp_micros()))
        })
    }
}

/// A whole number followed by one of some units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = units.iter().find(|(u, _)| *u == unit.trim_start())?.1;
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Units of time, largest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// Units of size.
const SIZES: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    ("", 1),
];

fn seconds(text: &str) -> Result<u32, String> {
    scaled(text, &TIMES)
        .and_then(|s| u32::try_from(s).ok())
        .ok_or_else(|| format!("`{text}` is not a length of time"))
}

fn bytes(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES).ok_or_else(|| format!("`{text}` is not a size"))
}

fn web_url(text: &str) -> Result<Url, String> {
    url_of(text, ["http", "https"])
}

fn amqp_url(text: &str) -> Result<Url, String> {
    let url = url_of(text, ["amqp", "amqps"])?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || url.path().matches('/').count() > 1 {
        return Err(
            "has more than one virtual host; a `/` within its name is written %2F".to_owned(),
        );
    }
    Ok(url)
}

fn url_of(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    // The text is not repeated: somebody may have written a password into it.
    let url = Url::parse(text).map_err(|e| format!("is not a URL: {e}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!(
            "begins with `{}:`, which is neither {} nor {}",
            url.scheme(),
            schemes[0],
            schemes[1]
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password, which have keys of their own".to_owned());
    }
    Ok(url)
}

fn pattern(text: &str) -> Result<String, String> {
    match Regex::new(&anchored(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err("is a regular expression too large to compile".to_owned())
        }
        // Its own message draws the place in several lines; the last says what it is.
        Err(e) => {
            let words = e.to_string();
            let last = words
                .lines()
                .last()
                .unwrap_or("")
                .trim_start_matches("error: ");
            Err(format!("is not a regular expression: {last}"))
        }
    }
}

/// The pattern as it is applied: wholly.
pub(super) fn anchored(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn day(text: &str) -> Result<NaiveDate, String> {
    let bad = || format!("`{text}` is not a date");
    if text.len() != 10 {
        return Err(bad());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())
}

fn moment(text: &str) -> Result<When, String> {
    if let Ok(day) = day(text) {
        return Ok(When::Day(day));
    }
    // Ts::parse would take a time without a zone for UTC, as OpenStack means it; a person may not.
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|t| When::At(Ts(t.timestamp_micros())))
        .map_err(|_| format!("`{text}` is neither a date nor a time with its zone"))
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a time zone of the IANA database"))
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an IP address with a port"))
}

fn decimal(text: &str) -> Result<String, String> {
    money::parse_decimal(text).map_err(|_| format!("`{text}` is not a decimal number"))?;
    if text.len() > 40 {
        return Err("has more than 40 digits".to_owned());
    }
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative"));
    }
    Ok(text.to_owned())
}

fn factor(text: &str) -> Result<String, String> {
    let number = domain::Decimal::parse(text).map_err(|e| e.to_string())?;
    let zero = domain::Decimal::parse("0").map_err(|e| e.to_string())?;
    if text.len() > 40 || number <= zero {
        return Err(format!(
            "`{text}` is not a number above zero of at most 40 characters"
        ));
    }
    Ok(text.to_owned())
}

fn env_name(text: &str) -> Result<String, String> {
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // The text is not repeated: it may be the secret itself.
    if !word || text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("is not the name of an environment variable".to_owned());
    }
    Ok(text.to_owned())
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortest(f, u64::from(self.0), &TIMES)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortest(f, self.0, &SIZES)
    }
}

/// Writes a number in the first unit that divides it.
fn shortest(f: &mut fmt::Formatter<'_>, n: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (unit, factor) = units
        .iter()
        .find(|(_, u)| n >= *u && n.is_multiple_of(*u))
        .unwrap_or(&("", 1));
    write!(f, "{}{unit}", n / factor)
}

/// A leaf with a default shows it in the schema, as text.
macro_rules! shown_as_text {
    ($($name:ident: $text:expr;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let text: fn(&Self) -> String = $text;
                s.serialize_str(&text(self))
            }
        }
    )+};
}

shown_as_text! {
    Seconds: |s| s.to_string();
    Bytes: |b| b.to_string();
    Pattern: |p| p.0.clone();
    Zone: |z| z.0.name().to_owned();
    Listen: |l| l.0.to_string();
    Decimal: |d| d.0.clone();
    Factor: |f| f.0.clone();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes() {
        for (text, want) in [
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("1 h", Some(3600)),
            ("1d", Some(86_400)),
            ("0s", Some(0)),
        ] {
            assert_eq!(seconds(text).ok(), want, "{text}");
        }
        for bad in [
            "",
            "90",
            "s",
            "-1s",
            "1.5h",
            "1h30m",
            "99999999999999999999s",
            "200000d",
            "1S",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        for (text, want) in [
            ("256MiB", 256 << 20),
            ("2GB", 2_000_000_000),
            ("1024", 1024),
            ("7B", 7),
        ] {
            assert_eq!(bytes(text), Ok(want), "{text}");
            assert_eq!(bytes(&Bytes(want).to_string()), Ok(want), "as written back");
        }
        for bad in ["", "2G", "2gb", "1.5GB", "99999999TiB", "x"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(Seconds(3600).to_string(), "1h");
        assert_eq!(Seconds(90).to_string(), "90s");
        assert_eq!(Seconds(0).to_string(), "0");
    }

    #[test]
    fn urls_hold_no_secret_and_do_not_show_one() {
        let e = web_url("https://admin:hunter2@cloud.example/v3").unwrap_err();
        assert!(!e.contains("hunter2"), "{e}");
        assert!(
            web_url("ftp://x").is_err()
                && web_url("cloud.example:5000/v3").is_err()
                && web_url("").is_err()
        );
        assert!(!env_name("hunter 2").unwrap_err().contains("hunter"));
    }

    #[test]
    fn days_begin_where_the_provider_is() {
        let stockholm = chrono_tz::Europe::Stockholm;
        let day = moment("2026-10-01").unwrap().in_zone(stockholm);
        assert_eq!(day, Ts::parse("2026-09-30T22:00:00Z").ok());
        // Chile's clocks go from 24:00 to 01:00.
        let skipped = moment("2026-09-06")
            .unwrap()
            .in_zone(chrono_tz::America::Santiago);
        assert_eq!(skipped, Ts::parse("2026-09-06T04:00:00Z").ok());
        assert_eq!(
            moment("2026-10-01T02:00:00+02:00")
                .unwrap()
                .in_zone(stockholm),
            Ts::parse("2026-10-01T00:00:00Z").ok()
        );
        for bad in [
            "2026-10-01T00:00:00",
            "2026-13-01",
            "1.10.2026",
            "2026-1-1",
            "",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_says_in_one_line_what_is_wrong() {
        let e = pattern("proj-(").unwrap_err();
        assert_eq!(e, "is not a regular expression: unclosed group");
        assert!(pattern("(a{1000}){1000}{1000}").is_err());
    }
}
