//! Where a PostgreSQL of some version is, and how its programs are run as the
//! ordinary user that owns its clusters.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Doing, Error, Result};

/// One installed PostgreSQL, laid out as Debian does, on the machine itself or
/// in a folder that is entered with chroot.
#[derive(Clone, Debug)]
pub struct Installation {
    version: u16,
    folder: Option<Folder>,
    owner: Option<Owner>,
}

/// A Debian folder that is entered with chroot.
#[derive(Clone, Debug)]
struct Folder {
    root: PathBuf,
    /// Whether its programs can be shown [`crate::state_root`] at the same path: where mounts may be made.
    sees_state: bool,
}

/// The account clusters belong to when we are root, since PostgreSQL refuses to
/// run as root. Nobody else needs one: their clusters are their own.
#[derive(Clone, Copy, Debug)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Installation {
    /// The machine's own package of `version`.
    pub fn of_machine(version: u16) -> Result<Self> {
        Self::at(version, None)
    }

    /// The package of `version` in a Debian folder.
    pub fn in_folder(version: u16, root: PathBuf) -> Result<Self> {
        let sees_state = Command::new("unshare")
            .args(["--mount", "true"])
            .output()
            .is_ok_and(|tried| tried.status.success());
        Self::at(version, Some(Folder { root, sees_state }))
    }

    fn at(version: u16, folder: Option<Folder>) -> Result<Self> {
        let base = folder
            .as_ref()
            .map_or_else(|| PathBuf::from("/"), |folder| folder.root.clone());
        let missing = |path: PathBuf| Error::PackageMissing { version, path };
        let server = base.join(format!("usr/lib/postgresql/{version}/bin/postgres"));
        if !server.exists() {
            return Err(missing(server));
        }
        let owner = if rustix::process::geteuid().is_root() {
            let passwd = base.join("etc/passwd");
            let owner = fs::read_to_string(&passwd)
                .ok()
                .and_then(|text| owner_in(&text));
            Some(owner.ok_or_else(|| missing(passwd))?)
        } else {
            None
        };
        Ok(Self {
            version,
            folder,
            owner,
        })
    }

    /// Major version.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The server itself.
    pub fn server_program(&self) -> PathBuf {
        self.host_path(&format!("usr/lib/postgresql/{}/bin/postgres", self.version))
    }

    /// Where the server looks for extension libraries.
    pub fn library_folder(&self) -> PathBuf {
        self.host_path(&format!("usr/lib/postgresql/{}/lib", self.version))
    }

    /// Where the server looks for control files and extension scripts.
    pub fn extension_folder(&self) -> PathBuf {
        self.host_path(&format!("usr/share/postgresql/{}/extension", self.version))
    }

    /// Where folders of clusters may be made: [`crate::state_root`], inside the
    /// folder for a PostgreSQL that sees nothing else.
    pub fn cluster_root(&self) -> PathBuf {
        match &self.folder {
            Some(folder) if !folder.sees_state => folder.root.join("var/tmp/pg_chat"),
            _ => crate::state_root(),
        }
    }

    fn host_path(&self, path: &str) -> PathBuf {
        match &self.folder {
            None => Path::new("/").join(path),
            Some(folder) => folder.root.join(path),
        }
    }

    /// A path of the host as the server sees it.
    pub(crate) fn server_path(&self, path: &Path) -> PathBuf {
        let inside = |folder: &Folder| path.strip_prefix(&folder.root).ok().map(Path::to_owned);
        match self.folder.as_ref().and_then(inside) {
            None => path.to_owned(),
            Some(inside) => Path::new("/").join(inside),
        }
    }

    /// `program` of this PostgreSQL, run as the owner of clusters and ended with
    /// SIGINT (PostgreSQL's fast shutdown) when *the thread that starts it* ends:
    /// start it from a thread that lives as long as the process.
    pub fn command(&self, program: &str) -> Command {
        let mut command = match &self.folder {
            None => Command::new("setpriv"),
            Some(folder) => folder.enter(),
        };
        if let Some(owner) = self.owner {
            command.arg(format!("--reuid={}", owner.uid));
            command.arg(format!("--regid={}", owner.gid));
            command.arg("--clear-groups");
        }
        command.args(["--pdeathsig", "INT", "--"]);
        command.arg(format!(
            "/usr/lib/postgresql/{}/bin/{program}",
            self.version
        ));
        // An environment of its own: RUST_BACKTRACE, for one, would put
        // backtraces into the DETAIL of errors that reach API clients.
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8");
        command.current_dir("/");
        command
    }

    /// Gives `path` to the owner of clusters.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        match self.owner {
            None => Ok(()),
            Some(owner) => {
                chown(path, Some(owner.uid), Some(owner.gid)).doing("give postgres", path)
            }
        }
    }
}

impl Folder {
    /// `setpriv` inside of it.
    fn enter(&self) -> Command {
        let mut command;
        if self.sees_state {
            command = Command::new("unshare");
            // Mounts that nobody else sees, and gone with the last process that does.
            command.args(["--mount", "sh", "-ec", SHOW_STATE, "sh"]);
            command.arg(crate::state_root());
        } else {
            command = Command::new("chroot");
        }
        command.arg(&self.root).arg("setpriv");
        command
    }
}

/// Shows the folder $2 what stands in $1, and enters it.
const SHOW_STATE: &str = "state=$1; shift
    mkdir -p \"$1$state\"
    mount --bind \"$state\" \"$1$state\"
    exec chroot \"$@\"";

/// Ids of the account `postgres` in the text of an `/etc/passwd`.
fn owner_in(passwd: &str) -> Option<Owner> {
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some(Owner {
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_owner_of_clusters() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:100:102:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        let owner = owner_in(passwd).unwrap();
        assert_eq!((owner.uid, owner.gid), (100, 102));
        assert!(owner_in("root:x:0:0::/root:/bin/sh\n").is_none());
    }

    #[test]
    fn a_missing_package_names_its_cure() {
        let error = Installation::of_machine(9).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql-9"), "{error}");
    }
}
