//! Judges who we are to an HTTP server.

use super::{
    checker::Checker,
    problem::Path,
    raw::{Part, SecretRef},
    types::HttpLogin,
};

/// Judges three keys of one section: `bearer_token`, or `username` and `password`, or none of them.
pub(super) fn login(
    c: &mut Checker<'_>,
    bearer_token: &Option<Part<SecretRef>>,
    username: &Option<String>,
    password: &Option<Part<SecretRef>>,
    path: &Path,
) -> Option<HttpLogin> {
    let mut secret = |part: &Option<Part<SecretRef>>, key: &str| {
        let path = path.key(key);
        let reference = c.part(part.clone()?, &path)?;
        c.secret(&reference, &path)
    };
    let token = secret(bearer_token, "bearer_token");
    let secret = secret(password, "password");
    match (username, password, bearer_token) {
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            c.error(
                &path.key("bearer_token"),
                "stands beside `username` and `password`",
                "keep one of them",
            );
            None
        }
        (Some(username), Some(_), None) => Some(HttpLogin::Basic {
            username: username.clone(),
            password: secret?,
        }),
        (None, None, _) => token.map(HttpLogin::Bearer),
        (user, _, None) => {
            let key = if user.is_some() {
                "password"
            } else {
                "username"
            };
            c.error(
                &path.key(key),
                "is missing",
                "`username` and `password` belong together",
            );
            None
        }
    }
}
