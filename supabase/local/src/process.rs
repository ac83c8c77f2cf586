//! Processes that we start, and only those: each is remembered by its id *and*
//! the moment it started, so a recycled id is never signalled.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, Error, Result};

/// A process by id and start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Clock ticks after boot when it started (field 22 of `/proc/<pid>/stat`).
    pub started: u64,
}

impl ProcessId {
    /// The process that has `pid` now.
    pub fn of(pid: i32) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = Stat::read(pid).doing("read", path)?;
        Ok(Self {
            pid,
            started: stat.started,
        })
    }

    /// This very process.
    pub fn own() -> Result<Self> {
        Self::of(narrow(std::process::id()))
    }

    /// A child that was not waited for yet, so it still has its entry in /proc.
    pub fn of_child(child: &Child) -> Result<Self> {
        Self::of(narrow(child.id()))
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_alive(self) -> bool {
        Stat::read(self.pid).is_ok_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Sends `signal`; nothing happens when the process is gone.
    pub fn signal(self, signal: Signal) -> Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        // The descriptor pins the process; the start time is compared after it
        // was opened, so the signal cannot reach a later owner of the id.
        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(());
        };
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(&descriptor, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(Error::Io {
                what: format!("signal process {}", self.pid),
                source: io::Error::from(errno),
            }),
        }
    }

    /// Waits until it is gone; false when it still runs after `limit`.
    pub async fn gone_within(self, limit: Duration) -> bool {
        let until = tokio::time::Instant::now() + limit;
        while self.is_alive() {
            if tokio::time::Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Its direct children.
    pub fn children(self) -> Vec<ProcessId> {
        all()
            .filter(|(_, stat)| stat.parent == self.pid)
            .map(|(pid, stat)| ProcessId {
                pid,
                started: stat.started,
            })
            .collect()
    }
}

/// A server that may be using `library`: one that has it mapped, or one that runs
/// `program` on a folder with a file `marker` and may load it any time.
pub fn user_of(library: &Path, program: &Path, marker: &str) -> Option<i32> {
    let library = library.to_string_lossy();
    all().map(|(pid, _)| pid).find(|pid| {
        let of_process = |name: &str| Path::new("/proc").join(pid.to_string()).join(name);
        let maps = fs::read_to_string(of_process("maps")).unwrap_or_default();
        maps.lines().any(|line| line.contains(library.as_ref()))
            || fs::read_link(of_process("exe")).is_ok_and(|exe| exe == program)
                && of_process("cwd").join(marker).exists()
    })
}

fn narrow(pid: u32) -> i32 {
    i32::try_from(pid).expect("Linux process ids fit in 22 bits")
}

/// What we need of `/proc/<pid>/stat` (proc(5)).
struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> io::Result<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the program's name in parentheses and may itself
        // hold blanks and parentheses; everything after its last one is plain.
        let mut fields = line
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_ascii_whitespace();
        let parse = |field: Option<&str>| field.and_then(|f| f.parse().ok());
        let state = fields.next().and_then(|f| f.chars().next());
        let parent = parse(fields.next());
        let started = parse(fields.nth(17));
        match (state, parent, started) {
            (Some(state), Some(parent), Some(started)) => Ok(Self {
                state,
                parent: i32::try_from(parent).unwrap_or_default(),
                started,
            }),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a stat line of proc(5)",
            )),
        }
    }
}

fn all() -> impl Iterator<Item = (i32, Stat)> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Stat::read(pid).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_and_not_a_recycled_id() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert!(
            !ProcessId {
                started: own.started + 1,
                ..own
            }
            .is_alive()
        );
    }

    #[test]
    fn children_are_found_and_end() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let id = ProcessId::of_child(&child).unwrap();
        assert!(ProcessId::own().unwrap().children().contains(&id));
        id.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(!id.is_alive());
    }
}
