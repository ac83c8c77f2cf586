//! Processes, and the processor time they have used.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::PgConnection;

/// Unit of the times in `/proc/<pid>/stat`: USER_HZ is 100 on every architecture PostgreSQL runs on.
const TICK: Duration = Duration::from_millis(10);

/// The process behind a connection.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    pid: i32,
}

impl Backend {
    /// The process that serves this connection.
    pub async fn of(connection: &mut PgConnection) -> Result<Self> {
        Ok(Self {
            pid: sqlx::query_scalar("select pg_backend_pid()")
                .fetch_one(connection)
                .await?,
        })
    }

    /// Any process, such as one that we have started.
    pub fn of_process(pid: u32) -> Result<Self> {
        Ok(Self {
            pid: pid.try_into()?,
        })
    }

    /// The process that started the one behind this connection, and all others of the server.
    pub async fn postmaster(superuser: &mut PgConnection) -> Result<Self> {
        let file: String = sqlx::query_scalar("select pg_read_file('postmaster.pid')")
            .fetch_one(superuser)
            .await?;
        let pid = file.lines().next().unwrap_or_default();
        Ok(Self {
            pid: pid.parse().context("postmaster.pid names no process")?,
        })
    }

    /// User and system time of all its threads, of its children, and of those that have ended.
    pub fn family_cpu(self) -> Result<Duration> {
        let mut time = self.fields([11, 12, 13, 14])?;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that has just ended is in its parent's times by now.
            let child = Self { pid: child };
            if child.parent().is_ok_and(|parent| parent == self.pid) {
                time += child.fields([11, 12]).unwrap_or_default();
            }
        }
        Ok(time)
    }

    /// User and system time since it started: from the scheduler in nanoseconds, else in ticks.
    pub fn cpu(self) -> Result<Duration> {
        let path = format!("/proc/{}/schedstat", self.pid);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
                Ok(Duration::from_nanos(
                    nanoseconds.with_context(|| format!("{path} says {text:?}"))?,
                ))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => self.fields([11, 12]),
            Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
        }
    }

    /// The sum of some times in ticks, by their place behind the name.
    fn fields<const N: usize>(self, places: [usize; N]) -> Result<Duration> {
        let fields = self.stat()?;
        let ticks = places.iter().try_fold(0, |sum, place| {
            let ticks: u32 = fields.get(*place)?.parse().ok()?;
            Some(sum + ticks)
        });
        Ok(TICK * ticks.with_context(|| format!("/proc/{}/stat says {fields:?}", self.pid))?)
    }

    fn parent(self) -> Result<i32> {
        let fields = self.stat()?;
        fields
            .get(1)
            .context("no parent")?
            .parse()
            .context("no parent")
    }

    /// What proc(5) lists behind the name, which stands in parentheses and may hold spaces: state, parent, …; utime, stime
    /// and those of ended children are the 12th to the 15th of them.
    fn stat(self) -> Result<Vec<String>> {
        let path = format!("/proc/{}/stat", self.pid);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let fields = text.rsplit(") ").next().unwrap_or_default();
        Ok(fields.split(' ').map(str::to_owned).collect())
    }
}
