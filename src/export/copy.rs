//! Files that were kept, written again byte for byte.

use super::{
    ExportError, Manifest, Written,
    files::{FileWriter, Staging},
};
use std::path::Path;

/// Files on their way into a directory; nothing appears in it before [`Copy::publish`].
pub struct Copy {
    staging: Staging,
}

impl Copy {
    /// Begins in a hidden directory of `out`, which is made if need be.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn new(out: &Path) -> Result<Self, ExportError> {
        Ok(Self {
            staging: Staging::new(out, true)?,
        })
    }

    /// Begins a file, to be written to.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin(&mut self, name: &str) -> Result<FileWriter, ExportError> {
        self.staging.create(name)
    }

    /// Ends a file, which has to be what the manifest says.
    ///
    /// # Errors
    /// [`ExportError::NotAsClosed`].
    pub fn end(
        &mut self,
        name: &str,
        file: FileWriter,
        manifest: &Manifest,
    ) -> Result<(), ExportError> {
        let wrong = |what: String| ExportError::NotAsClosed {
            name: name.to_owned(),
            what,
        };
        let file = file.finish()?;
        let (bytes, sha256) = if name == Manifest::NAME {
            let own = manifest.bytes()?;
            (own.len() as u64, crate::domain::digest::sha256_hex(&own))
        } else {
            let entry = manifest.files.iter().find(|f| f.name == name);
            let entry = entry.ok_or_else(|| wrong("it is not named there".to_owned()))?;
            (entry.bytes, entry.sha256.clone())
        };
        if file.bytes != bytes {
            return Err(wrong(format!("{} bytes of {bytes}", file.bytes)));
        }
        if file.sha256 != sha256 {
            return Err(wrong(format!("SHA-256 {} and not {sha256}", file.sha256)));
        }
        Ok(())
    }

    /// Lets all files appear, the manifest last.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn publish(self, manifest: &Manifest) -> Result<Written, ExportError> {
        let names = manifest.files.iter().map(|f| f.name.as_str());
        Ok(Written {
            paths: self.staging.publish(names.chain([Manifest::NAME]))?,
            manifest: manifest.clone(),
        })
    }
}
