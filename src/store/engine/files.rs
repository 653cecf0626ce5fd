//! What lies in the engine's directory: lock, port, passwords, configuration.
//!
//! ```text
//! engine/lock               held (flock) by the engine as long as it lives; holds its process id
//! engine/clients            held (flock, shared) by every process that uses it
//! engine/port               written by the engine once it listens
//! engine/app.password       0600: the program's own user; may do everything
//! engine/grafana.password   0600: may only read
//! engine/config.xml, users.xml, engine.log
//! engine/data/, backups/
//! ```

use super::EngineError;
use crate::domain::digest;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The program's own user.
pub(crate) const APP: &str = "app";
/// The user of dashboards: reads the database and changes nothing.
pub(crate) const GRAFANA: &str = "grafana";
/// The database.
pub(crate) const DATABASE: &str = "plimsoll";
/// Bytes of randomness in a password.
const PASSWORD_BYTES: usize = 24;

/// The engine's directory.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    /// Makes the directory, for nobody else's eyes, if it is not there.
    pub(crate) fn open(dir: &Path) -> Result<Self, EngineError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| EngineError::file("make", dir, &e))?;
        let dir = dir
            .canonicalize()
            .map_err(|e| EngineError::file("find", dir, &e))?;
        if dir.to_str().is_none() {
            return Err(EngineError::Directory {
                dir,
                why: "its name is not UTF-8".to_owned(),
            });
        }
        Ok(Self { dir })
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The same as text; [`Files::open`] saw to it that it is.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// Opens a lock file without taking the lock.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, EngineError> {
        let path = self.path(name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| EngineError::file("open", &path, &e))
    }

    /// Takes the engine's own lock and writes our process id into it; `None` when an engine has it.
    pub(crate) fn lock(&self) -> Result<Option<File>, EngineError> {
        let failed = |e: &std::io::Error| EngineError::file("lock", &self.path("lock"), e);
        let mut file = self.lock_file("lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed(&e)),
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(|e| failed(&e))?;
        Ok(Some(file))
    }

    /// The process id of the engine that lives; `None` when none does.
    pub(crate) fn running(&self) -> Result<Option<u32>, EngineError> {
        let mut file = self.lock_file("lock")?;
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)
                    .map_err(|e| EngineError::file("read", &self.path("lock"), &e))?;
                // Between its lock and its id there is a moment: 0 is nobody's.
                Ok(Some(text.trim().parse().unwrap_or(0)))
            }
            Err(TryLockError::Error(e)) => Err(EngineError::file("lock", &self.path("lock"), &e)),
        }
    }

    /// The port, once the engine has written the whole of it.
    pub(crate) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.path("port"))
            .ok()?
            .strip_suffix('\n')?
            .parse()
            .ok()
    }

    /// Forgets the port of an engine that is no more.
    pub(crate) fn forget_port(&self) -> Result<(), EngineError> {
        let path = self.path("port");
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(EngineError::file("remove", &path, &e))
            }
            _ => Ok(()),
        }
    }

    /// A user's password.
    pub(crate) fn password(&self, user: &str) -> Result<String, EngineError> {
        let path = self.path(&format!("{user}.password"));
        let text = fs::read_to_string(&path).map_err(|e| EngineError::file("read", &path, &e))?;
        Ok(text.trim().to_owned())
    }

    /// A user's password; a new one if there is none yet, or half of one.
    fn password_or_new(&self, user: &str) -> Result<String, EngineError> {
        if let Ok(password) = self.password(user)
            && password.len() == PASSWORD_BYTES * 2
        {
            return Ok(password);
        }
        let random = Path::new("/dev/urandom");
        let mut bytes = [0; PASSWORD_BYTES];
        File::open(random)
            .and_then(|mut f| f.read_exact(&mut bytes))
            .map_err(|e| EngineError::file("read", random, &e))?;
        let password = digest::hex(&bytes);
        self.write_private(&format!("{user}.password"), &password)?;
        Ok(password)
    }

    /// Writes what the engine reads at its start.
    pub(crate) fn write_configuration(&self, memory_max_bytes: u64) -> Result<(), EngineError> {
        let app = digest::sha256_hex(self.password_or_new(APP)?.as_bytes());
        let grafana = digest::sha256_hex(self.password_or_new(GRAFANA)?.as_bytes());
        self.write_private("users.xml", &users_xml(&app, &grafana))?;
        self.write_private(
            "config.xml",
            &config_xml(
                &self.text("users.xml"),
                &self.text("backups"),
                memory_max_bytes,
            ),
        )
    }

    fn write_private(&self, name: &str, text: &str) -> Result<(), EngineError> {
        let path = self.path(name);
        let failed = |e: std::io::Error| EngineError::file("write", &path, &e);
        let fresh = self.path(&format!("{name}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(failed)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&fresh, &path).map_err(failed)
    }

    /// The last lines the engine wrote to its log.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read(self.path("engine.log"))
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text
            .lines()
            .rev()
            .filter(|l| !l.trim().is_empty())
            .take(4)
            .collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

fn config_xml(users: &str, backups: &str, memory_max_bytes: u64) -> String {
    // Marks pay off up to a point; the engine shares its machine.
    let mark_cache = (memory_max_bytes / 16).clamp(16 << 20, 256 << 20);
    format!(
        "<clickhouse>\n  <users_config>{users}</users_config>\n  <max_server_memory_usage>{memory_max_bytes}</max_server_memory_usage>\n  \
         <mark_cache_size>{mark_cache}</mark_cache_size>\n  <backups><allowed_path>{backups}</allowed_path></backups>\n</clickhouse>\n",
        users = xml(users),
        backups = xml(backups),
    )
}

/// `default` is the engine's own session: it must have an empty password, so it may do next to nothing.
fn users_xml(app_sha256: &str, grafana_sha256: &str) -> String {
    format!(
        "<clickhouse>
  <profiles><default/><reader><readonly>2</readonly><max_memory_usage>500000000</max_memory_usage><max_execution_time>60</max_execution_time></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT SELECT ON system.one</query><query>GRANT SELECT ON system.numbers</query><query>GRANT SYSTEM LISTEN ON *.*</query></grants></default>
    <{APP}><password_sha256_hex>{app_sha256}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota><access_management>1</access_management></{APP}>
    <{GRAFANA}><password_sha256_hex>{grafana_sha256}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota>
      <grants><query>GRANT SELECT ON {DATABASE}.*</query></grants></{GRAFANA}>
  </users>
</clickhouse>
"
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn passwords_are_random_private_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(&dir.path().join("a & b/engine")).unwrap();
        files.write_configuration(1 << 30).unwrap();
        let (app, grafana) = (
            files.password(APP).unwrap(),
            files.password(GRAFANA).unwrap(),
        );
        assert_ne!(app, grafana);
        files.write_configuration(1 << 30).unwrap();
        assert_eq!(files.password(APP).unwrap(), app);
        for name in [
            "app.password",
            "grafana.password",
            "users.xml",
            "config.xml",
        ] {
            let mode = fs::metadata(files.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
        let users = fs::read_to_string(files.path("users.xml")).unwrap();
        assert!(
            !users.contains(&app) && !users.contains(&grafana),
            "only hashes"
        );
        assert!(
            fs::read_to_string(files.path("config.xml"))
                .unwrap()
                .contains("a &amp; b")
        );
    }

    #[test]
    fn one_lock_at_a_time_and_half_a_port_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        assert_eq!(files.running().unwrap(), None);
        let lock = files.lock().unwrap();
        assert!(lock.is_some());
        assert!(files.lock().unwrap().is_none());
        assert_eq!(files.running().unwrap(), Some(std::process::id()));
        drop(lock);
        assert_eq!(files.running().unwrap(), None);
        fs::write(files.path("port"), "123").unwrap();
        assert_eq!(files.port(), None);
        fs::write(files.path("port"), "12345\n").unwrap();
        assert_eq!(files.port(), Some(12345));
        files.forget_port().unwrap();
        files.forget_port().unwrap();
    }
}
