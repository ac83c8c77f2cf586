//! `down`: stops the stack of one port base, and nothing else.

use std::time::Duration;

use rustix::process::Signal;

use super::state::Folder;
use crate::error::{Error, Result};

/// The supervisor waits up to 30 s for the worker and as long for PostgreSQL.
const LIMIT: Duration = Duration::from_secs(70);

/// Stops what the state file of `base` names. The supervisor ends its parts in
/// their order; parts that outlived one that was killed are ended here.
pub async fn stop(base: u16) -> Result<()> {
    let folder = Folder::of(base);
    let Some(running) = folder.running()? else {
        return Err(Error::NotRunning { base });
    };
    let was_alive = running.supervisor.is_alive();
    end(running.supervisor, Signal::TERM).await?;
    for part in running.parts {
        end(part, Signal::INT).await?;
    }
    folder.rest()?;
    if was_alive {
        Ok(())
    } else {
        Err(Error::NotRunning { base })
    }
}

async fn end(process: crate::process::ProcessId, politely: Signal) -> Result<()> {
    process.signal(politely)?;
    if !process.gone_within(LIMIT).await {
        process.signal(Signal::KILL)?;
        process.gone_within(LIMIT).await;
    }
    Ok(())
}
