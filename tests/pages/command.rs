//! `cargo x docs` and `cargo x types`: what is written from the catalog.

use anyhow::{Context, Result};
use clap::Parser;
use pg_chat_tests::{TestDb, repository};

mod catalog;
mod client_types;
mod errors;
mod sql_api;
mod written;

#[derive(Parser)]
#[command(name = "cargo x")]
struct Args {
    which: written::Which,
    /// Write nothing; fail if a file is not what the catalog gives
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let files = written::files(&TestDb::new().await?, args.which).await?;
    if args.check {
        let verb = if args.which == written::Which::Docs {
            "docs"
        } else {
            "types"
        };
        return written::check(&files, &format!("cargo x {verb}"));
    }
    write(&files)
}

/// Writes the files.
fn write(files: &[(&str, String)]) -> Result<()> {
    for (path, text) in files {
        let full = repository().join(path);
        if let Some(dir) = full.parent() {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
        }
        std::fs::write(&full, text).with_context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}
