//! Files that are nobody else's to read: secrets, and logs that may quote data.

use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{Doing, Result};

/// Makes or empties `path`, readable by its owner only.
pub(crate) fn create(path: &Path) -> Result<File> {
    let mut options = File::options();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .doing("make", path)?;
    // One that was there already keeps its mode through open.
    file.set_permissions(Permissions::from_mode(0o600))
        .doing("protect", path)?;
    Ok(file)
}
