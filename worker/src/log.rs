//! Log lines for eyes or for programs. What is logged: ids, counts, codes, reasons. Never message texts,
//! names, phone numbers or secrets.

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is no filter.
    #[error("log.level (CHAT_LOG_LEVEL) is not a level or a filter: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else has installed a logger in this process.
    #[error("logging has begun already")]
    Twice,
}

/// Installs the process's logger. For the binary; tests that start a worker in-process do without.
pub fn init(config: &Log) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(&config.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    match config.format {
        LogFormat::Human => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LogError::Twice)
}
