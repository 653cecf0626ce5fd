//! An export against its manifest, offline: every file there, whole and unchanged, and its lines, added up again, what the manifest says.

use super::{
    FileEntry, Manifest, MeterSum,
    added::{added, fraction},
};
use crate::domain::{
    digest::{hex, sha256_hex},
    money::{Rational, parse_decimal},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::Path,
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// SHA-256 of the manifest itself: what to compare with a print of it kept elsewhere.
    pub sha256: String,
    /// What is wrong, each with the file it is of; nothing: all is well.
    pub faults: Vec<String>,
    /// Files of the directory that the manifest does not name.
    pub strangers: Vec<String>,
}

/// Holds a directory against its manifest. Reads nothing else.
#[must_use]
pub fn verify(dir: &Path) -> Verdict {
    let mut verdict = Verdict {
        manifest: None,
        sha256: String::new(),
        faults: Vec::new(),
        strangers: Vec::new(),
    };
    let path = dir.join(Manifest::NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) => {
            verdict.faults.push(format!("{}: {e}", path.display()));
            return verdict;
        }
    };
    verdict.sha256 = sha256_hex(&bytes);
    let manifest: Manifest = match serde_json::from_slice(&bytes) {
        Ok(manifest) => manifest,
        Err(e) => {
            let what = "is not a manifest of this version";
            verdict
                .faults
                .push(format!("{}: {what}: {e}", path.display()));
            return verdict;
        }
    };
    for file in &manifest.files {
        // A name from a file that anybody may have written: it stays in the directory.
        if file.name.contains(['/', '\\']) || file.name == ".." {
            verdict
                .faults
                .push(format!("{}: is no name of a file here", file.name));
            continue;
        }
        match hashed(&dir.join(&file.name)) {
            Err(e) => verdict.faults.push(format!("{}: {e}", file.name)),
            Ok((bytes, _)) if bytes != file.bytes => verdict.faults.push(format!(
                "{}: has {bytes} bytes, the manifest says {}",
                file.name, file.bytes
            )),
            Ok((_, sha256)) if sha256 != file.sha256 => verdict.faults.push(format!(
                "{}: was changed: its SHA-256 is {sha256}, the manifest says {}",
                file.name, file.sha256
            )),
            Ok(_) => {
                let what = summed(&dir.join(&file.name), file, &manifest);
                verdict
                    .faults
                    .extend(what.err().map(|e| format!("{}: {e}", file.name)));
            }
        }
    }
    verdict.faults.extend(sums(&manifest));
    verdict.strangers = strangers(dir, &manifest);
    verdict.manifest = Some(manifest);
    verdict
}

fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut part)?;
        if n == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&part[..n]);
        bytes += n as u64;
    }
}

/// The lines of a file: as many as the manifest says, and their amounts, rounded and exact, sum to its totals.
fn summed(path: &Path, file: &FileEntry, manifest: &Manifest) -> Result<(), String> {
    let sums = added(path, manifest)?;
    if sums.rows != file.rows {
        return Err(format!(
            "has {} lines, the manifest says {}",
            sums.rows, file.rows
        ));
    }
    // Without a price book nothing has an amount.
    let (amount, exact) = match &file.money {
        Some(m) => (parse_decimal(&m.amount), fraction(&m.exact)?),
        None => (Ok(Rational::default()), Rational::default()),
    };
    let amount = amount.map_err(|e| e.to_string())?;
    for (what, sum, total) in [
        ("its lines sum to", sums.amount, amount),
        ("its exact amounts sum to", sums.exact, exact),
    ] {
        if let Some(sum) = sum.filter(|sum| *sum != total) {
            return Err(format!("{what} {sum}, the manifest says {total}"));
        }
    }
    Ok(())
}

/// Sums of the files against those of the whole.
fn sums(manifest: &Manifest) -> Option<String> {
    let number = |m: &MeterSum| m.quantity.parse::<i128>().ok();
    let mut parts: BTreeMap<&str, Option<i128>> = BTreeMap::new();
    for m in manifest.files.iter().flat_map(|f| &f.meters) {
        let sum = parts.entry(&m.meter).or_insert(Some(0));
        *sum = sum.and_then(|s| s.checked_add(number(m)?));
    }
    let whole: BTreeMap<&str, Option<i128>> = manifest
        .meters
        .iter()
        .map(|m| (m.meter.as_str(), number(m)))
        .collect();
    let rows: Option<usize> = manifest
        .files
        .iter()
        .try_fold(0_usize, |n, f| n.checked_add(f.rows));
    (parts != whole || rows != Some(manifest.rows)).then(|| {
        format!(
            "{}: the sums of the files are not those of the whole",
            Manifest::NAME
        )
    })
}

fn strangers(dir: &Path, manifest: &Manifest) -> Vec<String> {
    let known: BTreeSet<&str> = manifest
        .files
        .iter()
        .map(|f| f.name.as_str())
        .chain([Manifest::NAME])
        .collect();
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut strangers: Vec<String> = names.filter(|n| !known.contains(n.as_str())).collect();
    strangers.sort();
    strangers
}
