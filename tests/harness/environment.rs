//! Where the cluster is that `cargo x test` has started around us.

use std::path::PathBuf;
use std::sync::LazyLock;

/// What the environment says.
#[derive(Debug)]
pub struct Environment {
    /// Port of PostgreSQL on the loopback.
    pub port: u16,
    /// Its major version.
    pub postgres: u16,
    /// The folder of the built programs.
    pub programs: PathBuf,
}

/// The environment of this run. Ends the test with one sentence when there is none.
pub fn environment() -> &'static Environment {
    static ENVIRONMENT: LazyLock<Option<Environment>> = LazyLock::new(read);
    match &*ENVIRONMENT {
        Some(environment) => environment,
        None => panic!(
            "these tests need the cluster that `cargo x test` starts: run `cargo x test [FILTER]`"
        ),
    }
}

fn read() -> Option<Environment> {
    let variable = |name| std::env::var(name).ok();
    Some(Environment {
        port: variable("PG_CHAT_TEST_PORT")?.parse().ok()?,
        postgres: variable("PG_CHAT_TEST_PG")?.parse().ok()?,
        programs: variable("PG_CHAT_BIN_DIR")?.into(),
    })
}
