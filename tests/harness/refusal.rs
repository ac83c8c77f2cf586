//! What the database said when it said no.

use sqlx::postgres::PgDatabaseError;

/// An error of the database, as programs tell errors apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE: `42501`, `PT409`, …
    pub sqlstate: String,
    /// For people.
    pub message: String,
    /// Our stable code, such as `chat/window_closed`.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
}

impl Refusal {
    /// Reads it out of the driver's error; `None` when the error is not the database's.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        let error = error
            .as_database_error()?
            .try_downcast_ref::<PgDatabaseError>()?;
        Some(Self {
            sqlstate: error.code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
        })
    }

    /// The refusal that a result must be.
    ///
    /// # Panics
    /// If it is none.
    pub fn expect<T>(result: Result<T, sqlx::Error>) -> Self {
        match result {
            Ok(_) => panic!("the database should have refused this"),
            Err(error) => Self::of(&error).unwrap_or_else(|| panic!("not a refusal: {error}")),
        }
    }
}
