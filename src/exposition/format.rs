//! Which of the two formats a page is in, by the content type it came with.

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4: blank lines, comments and tabs may be anywhere, times are in milliseconds, and there is no end mark.
    Text,
    /// OpenMetrics 1.0: exact to the space, times are in seconds, and `# EOF` says that nothing was cut off.
    OpenMetrics,
}

/// What to send as `Accept`: the format that shows when a page was cut short is preferred, and no names in quotes are asked for.
pub const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0;q=1,text/plain;version=0.0.4;q=0.5";

/// A content type that is neither format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a page of type `{0}` cannot be read: expected text/plain; version=0.0.4 or application/openmetrics-text; version=1.0.0, in UTF-8. \
     Is this the address of the metrics?"
)]
pub struct UnknownFormat(pub String);

impl Format {
    /// By the `Content-Type` of an answer. A missing version is the format's first: `text/plain` alone is 0.0.4. The draft 0.0.1 of OpenMetrics, which
    /// many libraries still announce, is read as 1.0.
    ///
    /// # Errors
    /// [`UnknownFormat`] for other media types, versions and character sets.
    pub fn of_content_type(content_type: &str) -> Result<Self, UnknownFormat> {
        let mut parts = content_type.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let (mut version, mut utf8) = (None, true);
        for (name, value) in parts.filter_map(|p| p.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                n if n.eq_ignore_ascii_case("version") => version = Some(value),
                n if n.eq_ignore_ascii_case("charset") => {
                    utf8 = ["utf-8", "utf8", "us-ascii"]
                        .iter()
                        .any(|c| c.eq_ignore_ascii_case(value));
                }
                _ => {}
            }
        }
        let is = |name: &str| utf8 && media.eq_ignore_ascii_case(name);
        match version {
            None | Some("0.0.4") if is("text/plain") => Ok(Self::Text),
            None | Some("0.0.1" | "1.0.0") if is("application/openmetrics-text") => {
                Ok(Self::OpenMetrics)
            }
            _ => Err(UnknownFormat(content_type.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_by_the_content_type() {
        for (text, want) in [
            ("text/plain", Some(Format::Text)),
            ("text/plain; version=0.0.4", Some(Format::Text)),
            (
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
                Some(Format::Text),
            ),
            (
                "Text/Plain;Version=0.0.4;Charset=\"UTF-8\"",
                Some(Format::Text),
            ),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                Some(Format::OpenMetrics),
            ),
            (
                "application/openmetrics-text; version=0.0.1; charset=utf-8",
                Some(Format::OpenMetrics),
            ),
            ("application/openmetrics-text", Some(Format::OpenMetrics)),
            ("text/plain; version=1.0.0; escaping=allow-utf-8", None),
            ("application/openmetrics-text; version=2.0.0", None),
            ("text/plain; charset=iso-8859-1", None),
            ("text/html; charset=utf-8", None),
            ("application/json", None),
            ("", None),
        ] {
            let told = Format::of_content_type(text);
            assert_eq!(told.clone().ok(), want, "{text}");
            assert!(told.is_ok() || told.unwrap_err().to_string().contains(text));
        }
        for accepted in ACCEPT.split(',') {
            assert!(Format::of_content_type(accepted).is_ok(), "{accepted}");
        }
    }
}
