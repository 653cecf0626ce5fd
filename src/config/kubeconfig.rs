//! kubeconfig files, as kubectl reads them (<https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>). Tokens and keys stand in them in the clear: that
//! is their format. What runs another program to log in is refused: a service account's token needs none.

use super::{
    Secret,
    checker::Checker,
    leaf,
    problem::{Path, Problem},
    sources::kubernetes::Reach,
    types::{Account, Ca},
    yaml::{self, Data, Node},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::path::{Path as FilePath, PathBuf};

/// How a context of a kubeconfig reaches its cluster.
pub(super) fn reach(
    c: &mut Checker<'_>,
    file: &FilePath,
    context: Option<&str>,
    path: &Path,
) -> Option<Reach> {
    let root = match yaml::read_text(file) {
        Ok(text) => yaml::parse(file, &text, &mut c.problems)?,
        Err(problem) => {
            c.problems.push(problem);
            return None;
        }
    };
    let mut config = Kubeconfig {
        file,
        root: &root,
        problems: Vec::new(),
    };
    let reach = config.reach(context);
    let sound = config.problems.is_empty();
    let problems = config.problems;
    c.problems.extend(problems);
    let reach = reach.filter(|_| sound)?;
    c.in_clear(&reach.url, &path.key("kubeconfig"));
    if let Account::TokenFile(token) = &reach.account {
        c.secret_file(&path.key("kubeconfig"), token)?;
    }
    let ca = match reach.ca {
        Some(Ca::File(ca)) => Some(Ca::File(c.ca_file(Some(&ca), &path.key("kubeconfig"))?)),
        other => other,
    };
    Some(Reach { ca, ..reach })
}

struct Kubeconfig<'a> {
    file: &'a FilePath,
    root: &'a Node,
    problems: Vec<Problem>,
}

/// A named entry of one of its lists.
#[derive(Clone)]
struct Named<'a> {
    node: &'a Node,
    path: Path,
}

impl<'a> Named<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.node.get(key)?.text().filter(|t| !t.is_empty())
    }
}

impl<'a> Kubeconfig<'a> {
    fn error(&mut self, node: &Node, path: &Path, what: impl Into<String>, hint: &str) {
        self.problems
            .push(Problem::error(self.file, node.at, path, what, hint));
    }

    /// An entry of `contexts`, `clusters` or `users`.
    fn named(&mut self, list: &str, inner: &str, name: &str) -> Option<Named<'a>> {
        let path = Path::default().key(list);
        let entries = match self.root.get(list).map(|n| &n.data) {
            Some(Data::Seq(entries)) => entries.as_slice(),
            _ => &[],
        };
        let named = |e: &'a Node| e.get("name").and_then(Node::text);
        let found = entries
            .iter()
            .enumerate()
            .find(|(_, e)| named(e) == Some(name));
        if let Some((i, entry)) = found
            && let Some(node) = entry.get(inner)
        {
            return Some(Named {
                node,
                path: path.index(i).key(inner),
            });
        }
        let hint = super::shape::unknown_hint(name, entries.iter().filter_map(named));
        self.error(self.root, &path, format!("has no `{name}`"), &hint);
        None
    }

    fn needed(&mut self, of: &Named<'a>, key: &str, hint: &str) -> Option<&'a str> {
        let text = of.text(key);
        if text.is_none() {
            self.error(of.node, &of.path.key(key), "is missing", hint);
        }
        text
    }

    fn reach(&mut self, context: Option<&str>) -> Option<Reach> {
        let current = self.root.get("current-context").and_then(Node::text);
        let Some(context) = context.or(current.filter(|c| !c.is_empty())) else {
            let path = Path::default().key("current-context");
            self.error(
                self.root,
                &path,
                "is missing",
                "name a context of it as `context`",
            );
            return None;
        };
        let context = self.named("contexts", "context", context)?;
        let cluster = self.needed(&context, "cluster", "the name of one of `clusters`");
        let user = self.needed(&context, "user", "the name of one of `users`");
        let cluster = self.named("clusters", "cluster", cluster?);
        let user = self.named("users", "user", user?);
        let (cluster, user) = (cluster?, user?);
        let (url, ca) = (self.url(&cluster), self.ca(&cluster));
        let account = self.account(&user);
        Some(Reach {
            url: url?,
            account: account?,
            ca: ca?,
        })
    }

    fn url(&mut self, cluster: &Named<'a>) -> Option<url::Url> {
        let refused = [
            (
                "insecure-skip-tls-verify",
                "turns certificate checks off, which plimsoll never does",
            ),
            (
                "tls-server-name",
                "is not supported: the certificate must be for the host of `server`",
            ),
            (
                "proxy-url",
                "is not supported: set HTTPS_PROXY where plimsoll runs",
            ),
        ];
        for (key, what) in refused {
            if cluster.text(key).is_some_and(|t| t != "false") {
                self.error(cluster.node, &cluster.path.key(key), what, "leave it out");
            }
        }
        let text = self.needed(cluster, "server", "https://api.okd.example:6443")?;
        match leaf::WebUrl::try_from(text.to_owned()) {
            Ok(url) => Some(url.0),
            Err(what) => {
                self.error(
                    cluster.node,
                    &cluster.path.key("server"),
                    what,
                    "https://api.okd.example:6443",
                );
                None
            }
        }
    }

    /// `None`: it is wrong.
    fn ca(&mut self, cluster: &Named<'a>) -> Option<Option<Ca>> {
        const DATA: &str = "certificate-authority-data";
        if cluster.text(DATA).is_some() {
            return self.decoded(cluster, DATA).map(|pem| Some(Ca::Pem(pem)));
        }
        Some(
            cluster
                .text("certificate-authority")
                .map(|f| Ca::File(self.beside(f))),
        )
    }

    fn account(&mut self, user: &Named<'a>) -> Option<Account> {
        // The order of kubectl: what is given directly wins over a file of it.
        if let Some(token) = user.text("token") {
            return Some(Account::Token(Secret::new(token)));
        }
        if let Some(file) = user.text("tokenFile") {
            return Some(Account::TokenFile(self.beside(file)));
        }
        let certificate = self.pem(user, "client-certificate")?;
        let key = self.pem(user, "client-key")?;
        if let (Some(certificate), Some(key)) = (&certificate, &key) {
            return Some(Account::Certificate(Secret::new(format!(
                "{certificate}\n{key}"
            ))));
        }
        for (key, what) in [
            ("exec", "runs a program to log in, which plimsoll does not"),
            (
                "auth-provider",
                "is a way to log in that Kubernetes has given up",
            ),
            (
                "username",
                "is a way to log in that Kubernetes has given up",
            ),
        ] {
            if user.node.get(key).is_some() {
                self.error(
                    user.node,
                    &user.path.key(key),
                    what,
                    "use the token of a service account (deploy/kubernetes)",
                );
                return None;
            }
        }
        let what = "has neither a token nor a certificate with its key";
        self.error(
            user.node,
            &user.path,
            what,
            "use the token of a service account (deploy/kubernetes)",
        );
        None
    }

    /// What stands in the file as `KEY-data`, or in the file that `KEY` names. `None`: it is wrong.
    fn pem(&mut self, user: &Named<'a>, key: &str) -> Option<Option<String>> {
        let data = format!("{key}-data");
        if user.text(&data).is_some() {
            return self.decoded(user, &data).map(Some);
        }
        let Some(file) = user.text(key).map(|f| self.beside(f)) else {
            return Some(None);
        };
        match std::fs::read_to_string(&file) {
            Ok(pem) => Some(Some(pem)),
            Err(e) => {
                self.error(
                    user.node,
                    &user.path.key(key),
                    format!("{} cannot be read: {e}", file.display()),
                    "check the path and who may read it",
                );
                None
            }
        }
    }

    fn decoded(&mut self, of: &Named<'a>, key: &str) -> Option<String> {
        let text = of.text(key).unwrap_or_default();
        let decoded = STANDARD
            .decode(text.as_bytes())
            .ok()
            .and_then(|d| String::from_utf8(d).ok());
        if !decoded
            .as_ref()
            .is_some_and(|pem| pem.contains("-----BEGIN "))
        {
            self.error(
                of.node,
                &of.path.key(key),
                "is no PEM in base64",
                "copy it again from where it was made",
            );
            return None;
        }
        decoded
    }

    /// A file that it names is relative to it.
    fn beside(&self, file: &str) -> PathBuf {
        let file = self.file.parent().unwrap_or(FilePath::new("")).join(file);
        std::path::absolute(&file).unwrap_or(file)
    }
}
