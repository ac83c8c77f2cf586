//! `up --detach`: the supervisor in a session of its own, and a wait until it is
//! ready.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::state::Folder;
use crate::error::{Doing, Error, Result};
use crate::private_file;
use crate::process::ProcessId;

/// Runs this program again with `arguments`, away from the terminal; what it
/// says is shown until it is ready or has ended.
pub async fn detach(base: u16, arguments: Vec<OsString>) -> Result<()> {
    let folder = Folder::of(base);
    folder.make()?;
    let path = folder.file("up.log");
    let log = private_file::create(&path)?;
    let errors = log.try_clone().doing("share", &path)?;
    let program = std::env::current_exe().doing("find", "this program")?;
    let mut command = Command::new("setsid");
    command
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    let mut child = command.spawn().doing("run", "setsid")?;
    let supervisor = ProcessId::of_child(&child)?;

    let mut said = File::open(&path).doing("read", &path)?;
    loop {
        let ready = folder
            .running()?
            .is_some_and(|running| running.ready && running.supervisor == supervisor);
        let ended = child.try_wait().doing("wait for", "the stack")?;
        let mut text = Vec::new();
        said.read_to_end(&mut text).doing("read", &path)?;
        std::io::stderr()
            .write_all(&text)
            .doing("write to", "stderr")?;
        if ready {
            return Ok(());
        }
        if ended.is_some() {
            return Err(Error::Program {
                program: "local_stack up".to_owned(),
                said: format!(
                    "it ended before it was ready; it said so above and in {}",
                    path.display()
                ),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
