//! Files that appear whole or not at all.

use super::ExportError;
use crate::domain::digest::hex;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A hidden directory in the target directory (so that a rename moves no bytes), removed when dropped.
pub(super) struct Staging {
    out: PathBuf,
    dir: PathBuf,
    lasting: bool,
}

fn error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::Io { what, path, source }
}

impl Staging {
    /// `lasting`: what is published is on the disk. Else it is for this process alone, which reads it and takes it away.
    pub(super) fn new(out: &Path, lasting: bool) -> Result<Self, ExportError> {
        fs::create_dir_all(out).map_err(error("make the directory", out))?;
        let mut n = 0_u32;
        loop {
            // What a killed run of the same process id left is not ours to judge: another name is as good.
            let dir = out.join(format!(".plimsoll-export-{}-{n}", std::process::id()));
            match fs::create_dir(&dir) {
                Ok(()) => {
                    return Ok(Self {
                        out: out.to_owned(),
                        dir,
                        lasting,
                    });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && n < 1_000 => n += 1,
                Err(e) => return Err(error("make the directory", &dir)(e)),
            }
        }
    }

    pub(super) fn create(&self, name: &str) -> Result<FileWriter, ExportError> {
        let path = self.dir.join(name);
        let file = File::create_new(&path).map_err(error("create", &path))?;
        Ok(FileWriter {
            path,
            file: BufWriter::with_capacity(1 << 16, file),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Renames all into place, in order, and makes that last.
    pub(super) fn publish<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<PathBuf>, ExportError> {
        let moves: Vec<(PathBuf, PathBuf)> = names
            .map(|n| (self.dir.join(n), self.out.join(n)))
            .collect();
        // A directory in the way is the one thing a rename does not replace: seen before the first file moves.
        if let Some((_, to)) = moves.iter().find(|(_, to)| to.is_dir()) {
            return Err(error("replace", to)(io::ErrorKind::IsADirectory.into()));
        }
        if self.lasting {
            // All files at once: to wait for each of a thousand takes a thousand times as long.
            File::open(&self.dir)
                .and_then(|dir| rustix::fs::syncfs(dir).map_err(io::Error::from))
                .map_err(error("sync", &self.dir))?;
        }
        for (from, to) in &moves {
            fs::rename(from, to).map_err(error("rename into place", to))?;
        }
        if self.lasting {
            File::open(&self.out)
                .and_then(|d| d.sync_all())
                .map_err(error("sync", &self.out))?;
        }
        Ok(moves.into_iter().map(|(_, to)| to).collect())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the directory is hidden and holds no file that anybody was promised.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A file being written, and the hash of what was.
pub struct FileWriter {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

/// A file that is whole.
pub(super) struct Finished {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl FileWriter {
    /// Writes all of it.
    pub(super) fn all(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.write_all(bytes).map_err(ExportError::Write)
    }

    /// Flushes it. On the disk it is once it is published.
    pub(super) fn finish(mut self) -> Result<Finished, ExportError> {
        self.file.flush().map_err(error("write", &self.path))?;
        Ok(Finished {
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
        })
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let named =
            |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", self.path.display()));
        let n = self.file.write(bytes).map_err(named)?;
        self.hash.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
