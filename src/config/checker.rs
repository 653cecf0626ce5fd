//! What the judges of the sections share: the file's tree, its problems, its directory and the environment.

use super::{
    leaf::{Bytes, Seconds},
    problem::{Path, Problem, Severity},
    raw::{Part, SecretRef},
    types::{Secret, secret_in},
    yaml::Node,
};
use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path as FilePath, PathBuf},
};

/// Looks a variable up.
pub(super) type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Most bytes of a file that holds a secret.
const SECRET_MAX: u64 = 64 << 10;
/// Most bytes of a CA bundle.
const CA_MAX: u64 = 8 << 20;

/// A file under judgement.
pub(super) struct Checker<'e> {
    pub(super) file: PathBuf,
    pub(super) root: Node,
    pub(super) problems: Vec<Problem>,
    pub(super) env: Env<'e>,
}

impl Checker<'_> {
    /// Notes an error at a path.
    pub(super) fn error(&mut self, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::error(
            &self.file,
            self.root.locate(path),
            path,
            what,
            hint,
        ));
    }

    /// Notes a warning at a path.
    pub(super) fn warn(&mut self, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        let error = Problem::error(&self.file, self.root.locate(path), path, what, hint);
        self.problems.push(Problem {
            severity: Severity::Warning,
            ..error
        });
    }

    /// True when nothing at or below a path was refused.
    pub(super) fn sound(&self, path: &Path) -> bool {
        let prefix = path.to_string();
        let below = |key: &str| {
            let rest = key.strip_prefix(prefix.as_str());
            prefix.is_empty() || rest.is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']))
        };
        !self
            .problems
            .iter()
            .any(|p| p.is_error() && p.file == self.file && below(&p.key))
    }

    /// Takes a part out; where it was refused without a word, says so.
    pub(super) fn part<T>(&mut self, part: Part<T>, path: &Path) -> Option<T> {
        if part.0.is_none() && self.sound(path) {
            self.error(
                path,
                "is not understood",
                "compare it with deploy/plimsoll.yaml",
            );
        }
        part.0
    }

    /// A path of the file, which is relative to the file's directory.
    pub(super) fn beside(&self, path: &FilePath) -> PathBuf {
        self.file.parent().unwrap_or(FilePath::new("")).join(path)
    }

    /// Reads a small text file that the configuration names.
    fn text_file(&mut self, path: &Path, file: &FilePath, bytes_max: u64) -> Option<String> {
        let mut text = String::new();
        let read = File::open(file).and_then(|f| f.take(bytes_max + 1).read_to_string(&mut text));
        let what = match read {
            Err(e) => format!("{} cannot be read: {e}", file.display()),
            Ok(n) if u64::try_from(n).unwrap_or(u64::MAX) > bytes_max => {
                format!("{} is larger than {bytes_max} bytes", file.display())
            }
            Ok(_) => return Some(text),
        };
        self.error(
            path,
            what,
            "check the path (relative to the configuration's directory) and who may read it",
        );
        None
    }

    /// Finds a secret.
    pub(super) fn secret(&mut self, secret: &SecretRef, path: &Path) -> Option<Secret> {
        match secret {
            SecretRef::Env(from) => {
                let path = path.key("env");
                let name = &from.env.0;
                match (self.env)(name) {
                    Some(value) if !value.is_empty() => return Some(Secret::new(value)),
                    Some(_) => self.error(
                        &path,
                        format!("the environment variable {name} is empty"),
                        "give it the secret",
                    ),
                    None => self.error(
                        &path,
                        format!("the environment variable {name} is not set"),
                        format!("export {name}=..."),
                    ),
                }
                None
            }
            SecretRef::File(from) => self.secret_file(&path.key("file"), &self.beside(&from.file)),
        }
    }

    /// The secret that a file holds.
    pub(super) fn secret_file(&mut self, path: &Path, file: &FilePath) -> Option<Secret> {
        let text = self.text_file(path, file, SECRET_MAX)?;
        if secret_in(&text).is_empty() {
            self.error(
                path,
                format!("{} is empty", file.display()),
                "write the secret into it",
            );
            return None;
        }
        if fs::metadata(file).is_ok_and(|m| m.mode() & 0o004 != 0) {
            self.warn(
                path,
                format!("{} can be read by everybody", file.display()),
                format!("chmod o= {}", file.display()),
            );
        }
        Some(Secret::of_file(&text, file))
    }

    /// The CA bundle that a key names, once it is known to hold a certificate.
    pub(super) fn ca_file(&mut self, file: Option<&FilePath>, path: &Path) -> Option<PathBuf> {
        let file = self.beside(file?);
        let text = self.text_file(path, &file, CA_MAX)?;
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            self.error(
                path,
                format!("{} holds no certificate", file.display()),
                "give a CA bundle in PEM form",
            );
        }
        Some(file)
    }

    /// Warns where a secret would travel in the clear.
    pub(super) fn in_clear(&mut self, url: &url::Url, path: &Path) {
        let here = match url.host() {
            Some(url::Host::Ipv4(a)) => a.is_loopback(),
            Some(url::Host::Ipv6(a)) => a.is_loopback(),
            // Of schemes that are not the web's, hosts are not told apart.
            Some(url::Host::Domain(d)) => {
                d == "localhost" || d.parse().is_ok_and(|a: std::net::Ipv4Addr| a.is_loopback())
            }
            None => false,
        };
        if matches!(url.scheme(), "http" | "amqp") && !here {
            self.warn(
                path,
                "sends the password in the clear",
                format!("use {}s; a private CA goes into `ca_file`", url.scheme()),
            );
        }
    }

    /// Holds a length of time within bounds.
    pub(super) fn within(&mut self, path: &Path, length: &Seconds, min: u32, max: u32) {
        if !(min..=max).contains(&length.0) {
            self.error(
                path,
                format!("{length} is out of bounds"),
                format!("from {} to {}", Seconds(min), Seconds(max)),
            );
        }
    }

    /// Holds a size above a least one.
    pub(super) fn at_least(&mut self, path: &Path, size: &Bytes, min: u64) {
        if size.0 < min {
            self.error(
                path,
                format!("{size} is too little"),
                format!("at least {}", Bytes(min)),
            );
        }
    }
}
