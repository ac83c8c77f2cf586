//! What a failed database call means for the one who made it.

/// A database call that failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The connection string cannot be read. It holds a password, so it is not shown.
    #[error(
        "database.url (CHAT_DATABASE_URL) is not a connection string like postgresql://user:password@host:5432/database"
    )]
    Address,
    /// The address of the HTTPS way is set, and this program has not got it.
    #[error(
        "edge.url (CHAT_EDGE_URL) is set, but this worker was built without the feature edge: build it with `cargo build --release -p chat_worker --features edge`, or set database.url instead"
    )]
    WithoutEdge,
    /// What is to be asked cannot be written as JSON, which is a bug.
    #[error("a call of a database function cannot be written ({0})")]
    Question(#[source] serde_json::Error),
    /// A call over HTTPS.
    #[cfg(feature = "edge")]
    #[error(transparent)]
    Edge(#[from] super::EdgeError),
    /// The driver's or the server's error.
    #[error("{}", shown(.0))]
    Sql(#[from] sqlx::Error),
    /// The function's answer has another shape than this worker knows.
    #[error(
        "a database function answered in an unknown shape ({0}); worker and migrations are of different versions"
    )]
    Answer(#[source] serde_json::Error),
}

/// What may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The data handed in is at fault and will be at every repetition.
    Data,
    /// Passing: locks, restarts, resources, a lost connection. The same call may succeed later.
    Passing,
    /// Our own fault (a missing function, a missing right, a bug): nothing of the data is to blame.
    Fault,
}

impl DbError {
    /// Classifies by SQLSTATE; an error without one comes from the connection.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Address | Self::WithoutEdge | Self::Question(_) | Self::Answer(_) => {
                Failure::Fault
            }
            #[cfg(feature = "edge")]
            Self::Edge(error) => error.failure(),
            Self::Sql(error) => match error {
                sqlx::Error::Database(answer) => answer
                    .code()
                    .map_or(Failure::Fault, |code| of_sqlstate(&code)),
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Failure::Passing,
                _ => Failure::Fault,
            },
        }
    }

    /// The SQLSTATE, if a server gave one.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Sql(sqlx::Error::Database(answer)) => answer.code().map(Into::into),
            #[cfg(feature = "edge")]
            Self::Edge(error) => error.sqlstate(),
            _ => None,
        }
    }

    /// Whether the database, or what stands before it, knows no such function.
    pub fn is_missing_function(&self) -> bool {
        match self {
            #[cfg(feature = "edge")]
            Self::Edge(error) => error.is_missing_function(),
            _ => self.sqlstate().as_deref() == Some("42883"),
        }
    }
}

/// The class of a SQLSTATE. `PTnnn` are our own refusals, `P0001` a raise without a code.
pub(super) fn of_sqlstate(code: &str) -> Failure {
    match code.get(..2) {
        Some("22" | "23" | "PT") => Failure::Data,
        Some("08" | "40" | "53" | "55" | "57") => Failure::Passing,
        _ if code == "P0001" => Failure::Data,
        _ => Failure::Fault,
    }
}

/// The server's message and code without its detail: the detail of a constraint shows the row.
fn shown(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(answer) => {
            let code = answer.code().unwrap_or_default();
            match of_sqlstate(&code) {
                // Class 22 and 23 messages may quote the value itself.
                Failure::Data if !code.starts_with("PT") => {
                    format!("the database refused the data (SQLSTATE {code})")
                }
                _ => format!("{} (SQLSTATE {code})", answer.message()),
            }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DbError, Failure, of_sqlstate};

    #[test]
    fn sqlstates_are_classed_as_the_design_says() {
        for (code, failure) in [
            ("22P02", Failure::Data),
            ("22021", Failure::Data),
            ("23505", Failure::Data),
            ("P0001", Failure::Data),
            ("PT409", Failure::Data),
            ("40001", Failure::Passing),
            ("40P01", Failure::Passing),
            ("53300", Failure::Passing),
            ("55P03", Failure::Passing),
            ("57014", Failure::Passing),
            ("57P01", Failure::Passing),
            ("08006", Failure::Passing),
            ("42883", Failure::Fault),
            ("42501", Failure::Fault),
            ("P0004", Failure::Fault),
            ("XX000", Failure::Fault),
            ("", Failure::Fault),
        ] {
            assert_eq!(of_sqlstate(code), failure, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_passing() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        for error in [
            sqlx::Error::Io(lost),
            sqlx::Error::PoolTimedOut,
            sqlx::Error::WorkerCrashed,
        ] {
            assert_eq!(DbError::from(error).failure(), Failure::Passing);
        }
        assert_eq!(DbError::Address.failure(), Failure::Fault);
    }
}
