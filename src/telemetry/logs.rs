//! Logs: to stderr, as text for people or JSON for machines. Standard output is for results.

use std::io::{self, IsTerminal as _};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt::MakeWriter};

/// How a line of the log looks (`--log-format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// All, with the word of the command line.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Text, "text"), (Self::Json, "json")];

    /// The format of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(f, _)| *f)
    }
}

/// Why logging could not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLogs {
    /// A filter that means nothing, or not what it looks like.
    #[error(
        "--log-level: `{part}` is not a level or `module=level`: levels are error, warn, info, debug, trace and off"
    )]
    Filter {
        /// The part at fault.
        part: String,
    },
    /// The process logs already.
    #[error("logging was begun before in this process")]
    Begun,
}

/// Begins logging for the whole process.
///
/// `filter` is a level (`info`), or levels by module as `RUST_LOG` has them (`warn,plimsoll::sources=debug`). Colours only on a terminal, and not where
/// `NO_COLOR` is set to anything (<https://no-color.org>).
///
/// # Errors
/// [`BadLogs`] for a filter that cannot be read, and when called twice.
pub fn init(filter: &str, format: LogFormat) -> Result<(), BadLogs> {
    let colours = colours(
        io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
    );
    let subscriber = subscriber(filter, format, colours, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| BadLogs::Begun)
}

fn colours(terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
    terminal && no_color.is_none_or(std::ffi::OsStr::is_empty)
}

fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    colours: bool,
    to: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, BadLogs>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(self::filter(filter)?)
        .with_writer(to)
        .with_ansi(colours);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// Reads a filter. `EnvFilter` takes a misspelt level for the name of a module, and then says nothing at all: a bare word must be a level here.
fn filter(text: &str) -> Result<EnvFilter, BadLogs> {
    let bad = |part: &str| BadLogs::Filter {
        part: part.to_owned(),
    };
    for part in text.split(',').map(str::trim) {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if level.parse::<LevelFilter>().is_err() || level.is_empty() {
            return Err(bad(part));
        }
    }
    EnvFilter::builder().parse(text).map_err(|_| bad(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, colours: bool) -> String {
        let to = Captured::default();
        let make = {
            let to = to.clone();
            move || to.clone()
        };
        let subscriber = subscriber(filter, format, colours, make).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(source = "lab", "a pass");
            tracing::warn!(
                source = "lab",
                name = "evil\n\u{1b}[31mred",
                "a suspect pass"
            );
        });
        String::from_utf8(to.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_is_one_plain_line_an_event() {
        let text = logged("info", LogFormat::Text, false);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("WARN")
                && text.contains("a suspect pass")
                && text.contains("source=\"lab\""),
            "{text}"
        );
        assert!(
            !text.contains('\u{1b}'),
            "no escapes, neither ours nor a name's: {text}"
        );
        assert!(logged("info", LogFormat::Text, true).contains('\u{1b}'));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged("warn,plimsoll=debug", LogFormat::Json, false);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let levels: Vec<_> = lines
            .iter()
            .map(|l| (l["level"].as_str().unwrap(), l["message"].as_str().unwrap()))
            .collect();
        assert_eq!(levels, [("DEBUG", "a pass"), ("WARN", "a suspect pass")]);
        assert_eq!(lines[1]["name"], "evil\n\u{1b}[31mred");
        assert_eq!(lines[0]["source"], "lab");
    }

    #[test]
    fn filters_that_would_silence_everything_are_refused() {
        assert!(logged("off", LogFormat::Text, false).is_empty());
        assert!(logged("info,plimsoll=error", LogFormat::Text, false).is_empty());
        for (text, part) in [
            ("inof", "inof"),
            ("", ""),
            ("info,", ""),
            ("warn,plimsoll", "plimsoll"),
            ("plimsoll=", "plimsoll="),
        ] {
            assert_eq!(
                filter(text).err(),
                Some(BadLogs::Filter { part: part.into() }),
                "{text}"
            );
        }
    }

    #[test]
    fn colours_only_on_a_terminal_that_wants_them() {
        let set = |s: &str| std::ffi::OsString::from(s);
        assert!(colours(true, None) && colours(true, Some(&set(""))));
        assert!(
            !colours(true, Some(&set("1")))
                && !colours(true, Some(&set("0")))
                && !colours(false, None)
        );
    }
}
