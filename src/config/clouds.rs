//! clouds.yaml and secure.yaml, as the OpenStack SDK reads them
//! (<https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html>). Passwords stand in them in the clear: that is their format.

use super::{
    Secret,
    checker::Checker,
    leaf,
    problem::{At, Path, Problem},
    sources::openstack::Login,
    types::Credentials,
    yaml::{self, Data, Node},
};
use std::path::{Path as FilePath, PathBuf};

/// The login that a cloud of a clouds.yaml describes.
pub(super) fn login(
    c: &mut Checker<'_>,
    name: &str,
    given: Option<&FilePath>,
    path: &Path,
) -> Option<Login> {
    let file = find(c, given, path)?;
    let clouds = read(c, &file)?;
    let at = Path::default().key("clouds").key(name);
    let Some(main) = clouds.get("clouds").and_then(|n| n.get(name)) else {
        let known = clouds.get("clouds").map_or_else(Vec::new, keys);
        let hint = super::shape::unknown_hint(name, known.into_iter());
        c.error(
            &path.key("cloud"),
            format!("`{name}` is not in {}", file.display()),
            hint,
        );
        return None;
    };
    let secure_file = file.with_file_name("secure.yaml");
    let secure = if secure_file.exists() {
        Some(read(c, &secure_file)?)
    } else {
        None
    };
    let secure = secure
        .as_ref()
        .and_then(|s| s.get("clouds"))
        .and_then(|n| n.get(name));
    let mut cloud = Cloud {
        file: &file,
        at,
        main,
        secure,
        problems: Vec::new(),
    };
    let login = cloud.login();
    let problems = cloud.problems;
    let url_clear = login.as_ref().map(|l| l.auth_url.clone());
    c.problems.extend(problems);
    if let Some(url) = url_clear {
        c.in_clear(&url, &path.key("cloud"));
    }
    let mut login = login?;
    login.ca_file = c.ca_file(login.ca_file.take().as_deref(), &path.key("cloud"));
    Some(login)
}

/// Which clouds.yaml: the given one, else the first of the SDK's places.
fn find(c: &mut Checker<'_>, given: Option<&FilePath>, path: &Path) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(c.beside(given));
    }
    let places = [
        (c.env)("OS_CLIENT_CONFIG_FILE").map(PathBuf::from),
        Some(PathBuf::from("clouds.yaml")),
        (c.env)("HOME").map(|home| FilePath::new(&home).join(".config/openstack/clouds.yaml")),
        Some(PathBuf::from("/etc/openstack/clouds.yaml")),
    ];
    let found = places.into_iter().flatten().find(|p| p.exists());
    if found.is_none() {
        let what =
            "needs a clouds.yaml, and there is none in ., ~/.config/openstack or /etc/openstack";
        c.error(&path.key("cloud"), what, "name it as `clouds_yaml`");
    }
    found
}

fn read(c: &mut Checker<'_>, file: &FilePath) -> Option<Node> {
    match yaml::read_text(file) {
        Ok(text) => yaml::parse(file, &text, &mut c.problems),
        Err(problem) => {
            c.problems.push(problem);
            None
        }
    }
}

fn keys(node: &Node) -> Vec<&str> {
    match &node.data {
        Data::Map(entries) => entries.iter().map(|e| e.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// A key of a mapping, merge keys (YAML 1.1, which the SDK reads) included.
fn merged<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).or_else(|| {
        let base = node.get("<<")?;
        match &base.data {
            Data::Seq(bases) => bases.iter().find_map(|b| merged(b, key)),
            _ => merged(base, key),
        }
    })
}

struct Cloud<'a> {
    file: &'a FilePath,
    at: Path,
    main: &'a Node,
    secure: Option<&'a Node>,
    problems: Vec<Problem>,
}

impl<'a> Cloud<'a> {
    /// A value; secure.yaml's wins.
    fn node(&self, keys: &[&str]) -> Option<&'a Node> {
        let within = |root: &'a Node| keys.iter().try_fold(root, |node, key| merged(node, key));
        self.secure
            .and_then(within)
            .or_else(|| within(self.main))
            .filter(|n| !n.is_null())
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        self.node(keys)?
            .text()
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    }

    fn error(&mut self, keys: &[&str], what: impl Into<String>, hint: &str) {
        let path = keys.iter().fold(self.at.clone(), |p, k| p.key(k));
        let at: At = self.node(keys).unwrap_or(self.main).at;
        self.problems
            .push(Problem::error(self.file, at, &path, what, hint));
    }

    fn needed(&mut self, keys: &[&str]) -> Option<String> {
        let text = self.text(keys);
        if text.is_none() {
            self.error(
                keys,
                "is missing",
                "write it there, or describe the source without `cloud`",
            );
        }
        text
    }

    fn login(&mut self) -> Option<Login> {
        if self
            .text(&["verify"])
            .is_some_and(|v| matches!(v.to_lowercase().as_str(), "false" | "no" | "off"))
        {
            self.error(
                &["verify"],
                "turns certificate checks off, which plimsoll never does",
                "give the CA as `cacert`",
            );
        }
        let auth_url = self.auth_url();
        let interface = self
            .text(&["interface"])
            .or_else(|| self.text(&["endpoint_type"]));
        let interface = interface.map(|i| i.trim_end_matches("URL").to_owned());
        if interface
            .as_deref()
            .is_some_and(|i| !matches!(i, "public" | "internal" | "admin"))
        {
            self.error(
                &["interface"],
                "is not known",
                "known are public, internal, admin",
            );
        }
        let credentials = self.credentials();
        let ca_file = self
            .text(&["cacert"])
            .map(|f| self.file.parent().unwrap_or(FilePath::new("")).join(f));
        if !self.problems.is_empty() {
            return None;
        }
        // The path is made whole here, as it is relative to clouds.yaml and not to the configuration.
        let ca_file = ca_file.map(|f| std::path::absolute(&f).unwrap_or(f));
        Some(Login {
            auth_url: auth_url?,
            credentials: credentials?,
            region: self.text(&["region_name"]),
            interface,
            ca_file,
        })
    }

    fn auth_url(&mut self) -> Option<url::Url> {
        let text = self.needed(&["auth", "auth_url"])?;
        match leaf::WebUrl::try_from(text) {
            Ok(url) => Some(url.0),
            Err(what) => {
                self.error(&["auth", "auth_url"], what, "https://cloud.example:5000/v3");
                None
            }
        }
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let kind = self
            .text(&["auth_type"])
            .unwrap_or_else(|| "password".to_owned());
        match kind.as_str() {
            "password" | "v3password" => {
                let username = self.needed(&["auth", "username"]);
                let project = self
                    .text(&["auth", "project_name"])
                    .or_else(|| self.needed(&["auth", "project_name"]));
                let password = self.needed(&["auth", "password"]);
                let (user_domain, project_domain) = (self.domain("user"), self.domain("project"));
                Some(Credentials::Password {
                    username: username?,
                    user_domain: user_domain?,
                    project: project?,
                    project_domain: project_domain?,
                    password: Secret::new(password?),
                })
            }
            "v3applicationcredential" => {
                let id = self.needed(&["auth", "application_credential_id"]);
                let secret = self.needed(&["auth", "application_credential_secret"]);
                Some(Credentials::ApplicationCredential {
                    id: id?,
                    secret: Secret::new(secret?),
                })
            }
            _ => {
                let hint = "known are password, v3password, v3applicationcredential";
                self.error(&["auth_type"], format!("`{kind}` is not known"), hint);
                None
            }
        }
    }

    /// The domain of the user or the project, by name. Only the id `default` is known to be the domain `Default`.
    fn domain(&mut self, of: &str) -> Option<String> {
        let own = [format!("{of}_domain_name"), format!("{of}_domain_id")];
        let names = [own[0].as_str(), "domain_name"];
        if let Some(name) = names.iter().find_map(|k| self.text(&["auth", k])) {
            return Some(name);
        }
        match self.text(&["auth", &own[1]]) {
            Some(id) if id != "default" => {
                self.error(
                    &["auth", &own[1]],
                    "is an id, and names are needed",
                    &format!("add `{}`", own[0]),
                );
                None
            }
            _ => Some("Default".to_owned()),
        }
    }
}
