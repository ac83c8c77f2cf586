//! The files that are written from the catalog.

use anyhow::{Result, ensure};
use pg_chat_tests::{TestDb, repository};

use crate::{catalog, client_types, errors, sql_api};

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// docs/sql-api.md and docs/errors.md
    Docs,
    /// web/client/src/database.ts
    Types,
}

/// Paths from the repository's root, and what should stand there.
pub async fn files(db: &TestDb, which: Which) -> Result<Vec<(&'static str, String)>> {
    let (functions, relations) = (catalog::functions(db).await?, catalog::relations(db).await?);
    Ok(match which {
        Which::Docs => vec![
            ("docs/sql-api.md", sql_api::page(&functions, &relations)?),
            ("docs/errors.md", errors::page(&errors::codes(&functions)?)),
        ],
        Which::Types => vec![(
            "web/client/src/database.ts",
            client_types::file(&functions, &relations)?,
        )],
    })
}

/// Fails unless the files are what the catalog gives.
pub fn check(files: &[(&str, String)], command: &str) -> Result<()> {
    for (path, text) in files {
        let full = repository().join(path);
        ensure!(
            full.exists() && catalog::read_text(&full)? == *text,
            "{path} is not what the catalog gives; run `{command}` and commit the result"
        );
    }
    Ok(())
}
