//! Keeps secrets and rubbish out of messages (invariant 11).

use url::Url;

/// Characters of a foreign body that a message shows.
const EXCERPT_MAX: usize = 200;

/// Query parameters whose name holds one of these are not shown.
const SECRET_WORDS: [&str; 7] = [
    "token",
    "password",
    "passwd",
    "secret",
    "signature",
    "credential",
    "key",
];

/// A URL as messages show it: without user, password and fragment, and without the value of any query parameter that may be a secret.
#[must_use]
pub fn shown_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Fails only for URLs that cannot have credentials at all.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let lower = name.to_lowercase();
                let secret = SECRET_WORDS.iter().any(|w| lower.contains(w));
                (
                    name.into_owned(),
                    if secret {
                        "[secret]".to_owned()
                    } else {
                        value.into_owned()
                    },
                )
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    shown.into()
}

/// The beginning of a foreign body as one line: markup and control characters dropped, `secrets` replaced.
#[must_use]
pub fn excerpt(body: &[u8], secrets: &[String]) -> String {
    // Four times the length is enough to find a readable beginning, and bounds the work on a large body.
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_MAX * 4 + longest(secrets))]);
    let text = hide(&text, secrets);
    let text = if text.trim_start().starts_with('<') {
        without_markup(&text)
    } else {
        text
    };
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(EXCERPT_MAX) {
        _ if line.is_empty() => "(empty)".to_owned(),
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line,
    }
}

/// Replaces every secret.
pub(super) fn hide(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|s| !s.is_empty())
        .fold(text.to_owned(), |t, s| t.replace(s.as_str(), "[secret]"))
}

fn longest(secrets: &[String]) -> usize {
    secrets.iter().map(String::len).max().unwrap_or(0)
}

/// The text of an HTML page, roughly: proxies answer with one, and its words are what matters.
fn without_markup(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|c| match c {
            '<' => {
                inside = true;
                ' '
            }
            '>' => {
                inside = false;
                ' '
            }
            _ if inside => ' ',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_no_secret() {
        let url = Url::parse(
            "https://joe:pw@cloud.example/v3/x?marker=abc&X-Auth-Token=gAAAA&api_key=1#frag",
        )
        .unwrap();
        assert_eq!(
            shown_url(&url),
            "https://cloud.example/v3/x?marker=abc&X-Auth-Token=%5Bsecret%5D&api_key=%5Bsecret%5D"
        );
    }

    #[test]
    fn an_excerpt_is_one_short_line_without_markup_or_secrets() {
        let page = b"<html><head><title>503 Service</title></head>\n<body>\x1b[31mtoken gAAAAsecret\tgone</body></html>";
        let shown = excerpt(page, &["gAAAAsecret".to_owned()]);
        assert_eq!(shown, "503 Service [31mtoken [secret] gone");
        let long = "x".repeat(10_000);
        assert_eq!(excerpt(long.as_bytes(), &[]).len(), EXCERPT_MAX + 3);
        assert_eq!(excerpt(b"", &[]), "(empty)");
    }

    #[test]
    fn a_secret_across_the_cut_is_not_shown_in_part() {
        let secret = "s".repeat(300);
        let body = format!("{}{secret}", "a ".repeat(395));
        assert!(!excerpt(body.as_bytes(), std::slice::from_ref(&secret)).contains("ss"));
    }
}
