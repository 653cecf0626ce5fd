//! As much Rust as the one-way law needs: comments and literals blanked, then every path, `use` groups unfolded, `self` and `super` resolved.

/// The text with every comment and literal blanked; lines stay where they are.
pub(super) fn blank(text: &str) -> String {
    let c: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < c.len() {
        let end = literal_or_comment(&c, i);
        if end == i {
            out.push(c[i]);
            i += 1;
        } else {
            out.extend(
                c[i..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            i = end;
        }
    }
    out
}

/// The end of the comment or literal that begins at `i`; `i` itself where none does.
fn literal_or_comment(c: &[char], i: usize) -> usize {
    let at = |k: usize| c.get(k).copied().unwrap_or('\0');
    let after_word = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
    match (at(i), at(i + 1)) {
        ('/', '/') => (i..c.len()).find(|k| c[*k] == '\n').unwrap_or(c.len()),
        ('/', '*') => block_comment(c, i),
        ('"', _) => quoted(c, i + 1, '"'),
        // A lifetime has no closing quote after one character.
        ('\'', '\\') => quoted(c, i + 1, '\''),
        ('\'', _) if at(i + 2) == '\'' => i + 3,
        ('r', '"' | '#') if !after_word || (at(i - 1) == 'b' || at(i - 1) == 'c') => {
            raw_string(c, i)
        }
        _ => i,
    }
}

fn block_comment(c: &[char], mut i: usize) -> usize {
    let mut depth = 0_usize;
    while i < c.len() {
        match (c[i], c.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    i
}

fn quoted(c: &[char], mut i: usize, quote: char) -> usize {
    while i < c.len() && c[i] != quote {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(c.len())
}

fn raw_string(c: &[char], i: usize) -> usize {
    let hashes = c[i + 1..].iter().take_while(|c| **c == '#').count();
    if c.get(i + 1 + hashes) != Some(&'"') {
        return i; // `r#type`: a raw identifier
    }
    let closes =
        |k: &usize| c[*k] == '"' && c[k + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (i + 2 + hashes..c.len())
        .find(closes)
        .map_or(c.len(), |k| k + 1 + hashes)
}

/// A word, `::`, or another single character.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

pub(super) fn tokens(blanked: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    for (n, line) in blanked.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let len = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                n => n,
            };
            out.push(Token {
                line: n + 1,
                text: rest[..len].to_owned(),
            });
            rest = rest[len..].trim_start();
        }
    }
    out
}

/// Every path of the file with its line, absolute: `crate::...` for what is ours. `module` is the file's.
pub(super) fn paths(tokens: &[Token], module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    // Inline modules around the token: name, and the depth of braces outside of it.
    let mut inside: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let text = |k: usize| tokens.get(k).map_or("", |t| t.text.as_str());
    let mut i = 0;
    while i < tokens.len() {
        match text(i) {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inside.last().is_some_and(|(_, d)| *d == depth) {
                    inside.pop();
                }
            }
            "use" => {}
            "mod" if text(i + 2) == "{" => inside.push((text(i + 1).to_owned(), depth)),
            _ => {
                // `::std::fs` begins at `std`; in `a::b` and `<T>::b`, `b` is the middle of something.
                let middle = i > 1
                    && text(i - 1) == "::"
                    && text(i - 2) != "use"
                    && (tokens[i - 2].is_word() || text(i - 2) == ">");
                let is_use = i > 0 && text(i - 1) == "use";
                if !middle && tokens[i].is_word() && (is_use || text(i + 1) == "::") {
                    let mut here = vec!["crate".to_owned()];
                    here.extend(
                        module
                            .iter()
                            .cloned()
                            .chain(inside.iter().map(|(name, _)| name.clone())),
                    );
                    i = tree(tokens, i, &here, None, &mut found);
                    continue;
                }
            }
        }
        i += 1;
    }
    found
}

/// Unfolds the path or group that begins at `i`, below `base` (`None`: at its beginning); returns the index after it.
fn tree(
    tokens: &[Token],
    mut i: usize,
    here: &[String],
    base: Option<&[String]>,
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let text = |k: usize| tokens.get(k).map_or("", |t| t.text.as_str());
    let line = tokens.get(i).map_or(0, |t| t.line);
    let mut path: Option<Vec<String>> = base.map(<[String]>::to_vec);
    loop {
        match text(i) {
            "{" if path.is_some() => {
                i += 1;
                while !matches!(text(i), "}" | "") {
                    i = if text(i) == "," {
                        i + 1
                    } else {
                        tree(tokens, i, here, path.as_deref(), found)
                    };
                }
                return i + 1;
            }
            "crate" | "plimsoll" if path.is_none() => path = Some(vec!["crate".to_owned()]),
            "self" => path = Some(path.unwrap_or_else(|| here.to_vec())),
            "super" => {
                let mut up = path.unwrap_or_else(|| here.to_vec());
                up.pop();
                path = Some(up);
            }
            "*" => path.get_or_insert_default().push("*".to_owned()),
            word if tokens.get(i).is_some_and(Token::is_word) => {
                path.get_or_insert_default().push(word.to_owned())
            }
            // Not a path after all (`<T as X>::...`, a turbofish): what was read so far counts.
            _ => {
                found.extend(path.map(|p| (line, p)));
                return i + usize::from(base.is_some());
            }
        }
        i += 1;
        if text(i) != "::" {
            break;
        }
        i += 1;
    }
    if text(i) == "as" && base.is_some() {
        i += 2;
    }
    found.extend(path.map(|p| (line, p)));
    i
}
