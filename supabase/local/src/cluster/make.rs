//! initdb and the settings of a cluster.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use super::{Cluster, Purpose};
use crate::error::{Doing, Error, Result};
use crate::private_file;
use crate::server::{PASSWORD, SUPERUSER};

/// Included at the end of the cluster's `postgresql.conf`, written at each start. It
/// tells a cluster of ours from others.
pub(crate) const SETTINGS_FILE: &str = "pg_chat.conf";

impl Cluster {
    /// Runs initdb beside the final place, so that an interrupted one leaves
    /// nothing that looks like a cluster.
    pub(super) fn make(&self) -> Result<()> {
        let unfinished = self.folder.join("data.unfinished");
        let socket = self.folder.join("socket");
        let password = self.folder.join("password");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).doing("remove", &unfinished)?;
        }
        fs::create_dir_all(&self.folder).doing("make", &self.folder)?;
        // The server's account must be able to pass, whatever our umask is.
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755))
            .doing("open", &self.folder)?;
        for folder in [&unfinished, &socket] {
            fs::create_dir_all(folder).doing("make", folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
                .doing("protect", folder)?;
            self.installation.give(folder)?;
        }
        let mut file = private_file::create(&password)?;
        file.write_all(PASSWORD.as_bytes())
            .doing("write", &password)?;
        self.installation.give(&password)?;

        let mut command = self.installation.command("initdb");
        command
            .arg("-D")
            .arg(self.installation.server_path(&unfinished))
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!(
                "--pwfile={}",
                self.installation.server_path(&password).display()
            ))
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust"]);
        match self.purpose {
            Purpose::Kept => command.arg("--auth-host=scram-sha-256"),
            Purpose::ThrowAway => command.args(["--auth-host=trust", "--no-sync"]),
        };
        let output = command.output().doing("run", "initdb")?;
        fs::remove_file(&password).doing("remove", &password)?;
        if !output.status.success() {
            return Err(Error::Program {
                program: "initdb".to_owned(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let configuration = unfinished.join("postgresql.conf");
        let mut file = File::options()
            .append(true)
            .open(&configuration)
            .doing("open", &configuration)?;
        writeln!(file, "include '{SETTINGS_FILE}'").doing("write", &configuration)?;
        fs::rename(&unfinished, self.data()).doing("rename", &unfinished)
    }

    /// Writes the settings of this start.
    pub(super) fn configure(&self) -> Result<()> {
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\n\
             port = {}\n\
             unix_socket_directories = '{}'\n\
             max_connections = 400\n\
             wal_level = logical\n\
             max_wal_senders = 20\n\
             max_replication_slots = 20\n\
             search_path = '\"$user\", public, extensions'\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n\
             log_line_prefix = '%m [%p] %q%u@%d '\n\
             deadlock_timeout = '200ms'\n\
             dynamic_shared_memory_type = mmap\n\
             jit = off\n",
            self.server.port(),
            self.installation
                .server_path(&self.folder.join("socket"))
                .display(),
        );
        if self.purpose == Purpose::ThrowAway {
            text.push_str("fsync = off\nfull_page_writes = off\n");
        }
        let path = self.data().join(SETTINGS_FILE);
        fs::write(&path, text).doing("write", &path)?;
        self.installation.give(&path)
    }
}
