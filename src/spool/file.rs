//! One batch in one immutable file.
//!
//! ```text
//! magic "plimsoll" | schema version, u32 | length of the body, u64 | SHA-256 of the body | the batch as JSON
//! ```
//! Numbers are big-endian. Written to a temporary name, synced, renamed, and the directory synced: under its own name a file is whole or it is damaged.

use crate::domain::Batch;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

const MAGIC: &[u8; 8] = b"plimsoll";
/// Of the JSON. A program that cannot read one sets the file aside.
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 32;

/// A batch as the bytes of its file.
pub(super) fn encode(batch: &Batch) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(batch)?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The batch of a file's bytes, or what is wrong with them.
pub(super) fn decode(bytes: &[u8]) -> Result<Batch, String> {
    let cut = || format!("it ends after {} bytes", bytes.len());
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    if magic != MAGIC {
        return Err("it is no batch of ours".to_owned());
    }
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let version = u32::from_be_bytes(*version);
    if version != VERSION {
        return Err(format!(
            "its schema version is {version}, this program reads {VERSION}"
        ));
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let (hash, body) = rest.split_first_chunk::<32>().ok_or_else(cut)?;
    let length = u64::from_be_bytes(*length);
    if body.len() as u64 != length {
        return Err(format!(
            "its body has {} bytes and should have {length}",
            body.len()
        ));
    }
    if Sha256::digest(body).as_slice() != hash {
        return Err("its bytes are not those that were written".to_owned());
    }
    serde_json::from_slice(body).map_err(|e| format!("its JSON is not a batch: {e}"))
}

/// Reads any bytes as a file of the spool, for fuzzing; what is accepted is written back the same.
pub(super) fn fuzzed(bytes: &[u8]) -> bool {
    let Ok(batch) = decode(bytes) else {
        return false;
    };
    let again = encode(&batch).map(|b| decode(&b));
    assert!(matches!(again, Ok(Ok(same)) if same == batch));
    true
}

/// Puts bytes under `name` in `dir`, durably. After an error nothing is there under that name, unless only the last sync failed.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_data()))
        .and_then(|()| fs::rename(&temporary, dir.join(name)));
    if let Err(e) = written {
        // Room for others, when the disk is full; there may be nothing to remove.
        drop(fs::remove_file(&temporary));
        return Err(e);
    }
    sync(dir)
}

/// Makes what was made, renamed or removed in a directory outlast a power cut.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Raw;

    #[test]
    fn cut_anywhere_or_changed_anywhere_it_is_not_believed() {
        let batch = Batch {
            raws: vec![Raw::new("å \"x\"")],
            ..Batch::default()
        };
        let bytes = encode(&batch).unwrap();
        assert_eq!(decode(&bytes), Ok(batch));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(decode(&changed).is_err(), "changed at {place}");
        }
        let longer = [bytes.as_slice(), b" "].concat();
        assert!(decode(&longer).is_err());
    }

    #[test]
    fn what_is_under_its_name_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a", b"one").unwrap();
        write(dir.path(), "a", b"two").unwrap();
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"two");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing temporary is left"
        );
        assert!(write(&dir.path().join("none"), "a", b"x").is_err());
    }
}
