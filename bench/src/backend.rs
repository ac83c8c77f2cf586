//! One server process, and the processor time it has used.

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
            Err(error) if error.kind() == ErrorKind::NotFound => self.ticks(),
            Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
        }
    }

    fn ticks(self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.pid);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // The name in parentheses may hold spaces; utime and stime are the 14th and 15th field of proc(5).
        let fields = text.rsplit(") ").next().unwrap_or_default();
        let times: Vec<u32> = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map_while(|field| field.parse().ok())
            .collect();
        let [user, system] = times[..] else {
            anyhow::bail!("{path} says {text:?}")
        };
        Ok(TICK * (user + system))
    }
}
