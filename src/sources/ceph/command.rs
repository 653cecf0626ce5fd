//! Runs the configured commands: no shell between, a time limit, a limit to what is read, and never a name that an option or a shell could be made of.

use super::super::SourceError;
use crate::config;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

/// Of what a command complains so much is kept.
const COMPLAINT_MAX: u64 = 4_096;

/// How the commands of a cluster are run.
#[derive(Debug)]
pub(super) struct Commands {
    ceph: Vec<String>,
    rbd: Vec<String>,
    timeout: Duration,
    output_max: u64,
}

impl Commands {
    pub(super) fn new(conf: &config::Ceph) -> Self {
        Self {
            ceph: conf.command.clone(),
            rbd: conf.rbd_command.clone(),
            timeout: Duration::from_secs(conf.timeout_s.into()),
            output_max: conf.output_max_bytes,
        }
    }

    /// The output of `ceph ARGS --format json`.
    pub(super) async fn ceph(&self, args: &[impl AsRef<str>]) -> Result<String, SourceError> {
        self.run(&self.ceph, args).await
    }

    /// The output of `rbd ARGS --format json`.
    pub(super) async fn rbd(&self, args: &[impl AsRef<str>]) -> Result<String, SourceError> {
        self.run(&self.rbd, args).await
    }

    async fn run(&self, argv: &[String], args: &[impl AsRef<str>]) -> Result<String, SourceError> {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        let shown = format!("{} {}", argv.join(" "), args.join(" "));
        let failed = |code: Option<i32>, why: String| SourceError::Command {
            command: shown.clone(),
            code,
            why,
        };
        let Some((program, first)) = argv.split_first() else {
            return Err(failed(None, "names no program".to_owned()));
        };
        let mut child = Command::new(program)
            .args(first)
            .args(&args)
            .args(["--format", "json"])
            // Times without a zone are UTC's then.
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| {
                failed(
                    None,
                    format!(
                        "cannot be started: {e}; see `command` and `rbd_command` of the source"
                    ),
                )
            })?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let work = async {
            // Both at once: a command that may not complain waits for ever.
            let (out, err) =
                tokio::join!(read(out, self.output_max.saturating_add(1)), complaint(err));
            let out = out?;
            if out.len() as u64 > self.output_max {
                return Ok((None, out, err));
            }
            child.wait().await.map(|status| (Some(status), out, err))
        };
        let (status, out, err) = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| {
                let s = self.timeout.as_secs();
                failed(
                    None,
                    format!(
                        "gave no answer within {s} s and was ended; see `timeout` of the source"
                    ),
                )
            })?
            .map_err(|e| failed(None, e.to_string()))?;
        let Some(status) = status else {
            let max = self.output_max;
            return Err(failed(
                None,
                format!("answers with more than {max} bytes; see `output_max` of the source"),
            ));
        };
        if !status.success() {
            let why = format!("{status}: {}", err.trim());
            return Err(failed(status.code(), why));
        }
        String::from_utf8(out).map_err(|_| failed(None, "its answer is no UTF-8".to_owned()))
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, max: u64) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(from) = from {
        from.take(max).read_to_end(&mut all).await?;
    }
    Ok(all)
}

/// The beginning of what a command complains of. The rest is read, too, and forgotten.
async fn complaint(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut first = Vec::new();
    let read = (&mut from)
        .take(COMPLAINT_MAX)
        .read_to_end(&mut first)
        .await;
    if read.is_ok() {
        drop(tokio::io::copy(&mut from, &mut tokio::io::sink()).await);
    }
    String::from_utf8_lossy(&first).into_owned()
}

/// True where a command was let in and says that there is no such thing. Other programs, too, end with 2: it must say so.
pub(super) fn is_unknown(e: &SourceError) -> bool {
    matches!(e, SourceError::Command { code: Some(2), why, .. }
        if why.contains("No such file or directory") || why.contains("ENOENT"))
}

/// A name as an argument. What reads like an option, or like more than one word to a shell that a configured command may lead through, is none.
pub(super) fn word(name: &str) -> Result<&str, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:@+=,%".contains(&b);
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(plain) {
        return Err(format!(
            "its name {name:?} is not passed to a command: letters, digits and -_.:@+=,% are, and no dash first"
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(script: &str, output_max: u64) -> Commands {
        let argv: Vec<String> = ["/bin/sh", "-c", script, "sh"].map(str::to_owned).into();
        Commands {
            ceph: argv.clone(),
            rbd: argv,
            timeout: Duration::from_millis(500),
            output_max,
        }
    }

    async fn outcome(script: &str) -> Result<String, String> {
        let run = commands(script, 100).ceph(&["osd", "a b"]).await;
        run.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn arguments_arrive_as_they_are_and_the_clock_is_utcs() {
        let out = outcome(r#"printf '%s|' "$@" "$TZ""#).await.unwrap();
        assert_eq!(out, "osd|a b|--format|json|UTC|");
    }

    #[tokio::test]
    async fn what_fails_says_why_and_what_is_unknown_is_told_apart() {
        let gone = commands("echo 'rbd: (2) No such file or directory' >&2; exit 2", 10);
        let e = gone.rbd(&["info"]).await.unwrap_err();
        assert!(is_unknown(&e), "{e}");
        assert!(e.to_string().contains("No such file"), "{e}");
        let other = commands("echo usage >&2; exit 2", 10);
        assert!(!is_unknown(&other.rbd(&["info"]).await.unwrap_err()));
        let none = Commands {
            ceph: vec!["/nowhere/ceph".to_owned()],
            ..commands("", 10)
        };
        let e = none.ceph(&["status"]).await.unwrap_err().to_string();
        assert!(
            e.contains("/nowhere/ceph") && e.contains("`command`"),
            "{e}"
        );
    }

    #[tokio::test]
    async fn a_command_that_hangs_or_talks_without_end_is_ended() {
        let e = outcome("sleep 60").await.unwrap_err();
        assert!(e.contains("`timeout`"), "{e}");
        let e = outcome("yes").await.unwrap_err();
        assert!(e.contains("`output_max`"), "{e}");
        // Complaints have no limit, and stop nothing.
        let script = "i=0; while [ $i -lt 3000 ]; do echo 'warning: fast-diff map is not enabled' >&2; i=$((i+1)); done; echo {}";
        assert_eq!(outcome(script).await.unwrap(), "{}\n");
    }

    #[test]
    fn names_that_could_be_more_than_a_name_are_none() {
        for fine in ["volumes", "csi-vol-1", ".rgw.root", "a:b@c"] {
            assert_eq!(word(fine), Ok(fine));
        }
        for bad in ["", "-p", "a b", "a;b", "$(x)", "a/b", "é"] {
            assert!(word(bad).is_err(), "{bad}");
        }
    }
}
