//! Dumps of a database and their restore, by PostgreSQL's own programs and as the owner, who is no superuser.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use local_stack::installation::Installation;
use local_stack::pg17::{self, Prepared};
use local_stack::server::OWNER;

use crate::{TestDb, environment};

impl TestDb {
    /// A dump of everything that is not Supabase's own, as docs/dba.md says to make it.
    pub fn dump(&self) -> Result<Vec<u8>> {
        let mut dump = self.client("pg_dump")?;
        dump.args(["--format=custom", "--extension=pg_chat_ext"]);
        for schema in ["auth", "extensions", "realtime", "storage", "vault"] {
            dump.arg(format!("--exclude-schema={schema}"));
        }
        let output = dump.output().context("cannot start pg_dump")?;
        ensure!(
            output.status.success(),
            "pg_dump: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    /// Restores a dump into this database, which has nothing of ours yet. The first error ends it.
    pub async fn restore(&self, dump: &[u8]) -> Result<()> {
        for extension in ["pg_trgm", "btree_gin"] {
            self.as_owner(&format!(
                "create extension if not exists {extension} schema extensions"
            ))
            .await?;
        }
        let mut restore = self.client("pg_restore")?;
        restore.args(["--exit-on-error", "--dbname", self.name()]);
        restore.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = restore.spawn().context("cannot start pg_restore")?;
        child
            .stdin
            .take()
            .context("pg_restore has no input")?
            .write_all(dump)?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "pg_restore: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn client(&self, program: &str) -> Result<Command> {
        let environment = environment();
        let installation = match environment.postgres {
            17 => match pg17::prepare()? {
                Prepared::Ready(installation) => installation,
                Prepared::Skipped(why) => bail!(why),
            },
            version => Installation::of_machine(version)?,
        };
        let mut command = installation.command(program);
        command.args(["--host=127.0.0.1", "--username", OWNER]);
        command.arg(format!("--port={}", environment.port));
        if program == "pg_dump" {
            command.args(["--dbname", self.name()]);
        }
        Ok(command)
    }
}
