//! Folders of throw-away clusters: whose they are stands in their names, so that
//! what a killed process left behind is found and removed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Doing, Result};
use crate::process::ProcessId;

const PREFIX: &str = "test-";

/// A folder of this process that no other cluster has.
pub(super) fn new_folder(root: &Path) -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let ProcessId { pid, started } = ProcessId::own()?;
    Ok(root.join(format!("{PREFIX}{pid}-{started}-{number}")))
}

/// The process that a folder's name says it belongs to.
fn owner(name: &str) -> Option<ProcessId> {
    let mut numbers = name.strip_prefix(PREFIX)?.split('-');
    Some(ProcessId {
        pid: numbers.next()?.parse().ok()?,
        started: numbers.next()?.parse().ok()?,
    })
}

/// Removes those of our user whose process is gone.
pub(super) fn remove_abandoned(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root).doing("list", root)?.flatten() {
        let Some(owner) = entry.file_name().to_str().and_then(owner) else {
            continue;
        };
        let ours = entry
            .metadata()
            .is_ok_and(|its| its.uid() == rustix::process::geteuid().as_raw());
        if ours && !owner.is_alive() {
            match fs::remove_dir_all(entry.path()) {
                // Somebody else tidies up too.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.doing("remove", entry.path())?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_process() {
        let folder = new_folder(Path::new("/tmp")).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert_eq!(owner(name), Some(ProcessId::own().unwrap()));
        assert_eq!(owner("55320"), None);
        assert_eq!(owner("test-x"), None);
    }
}
