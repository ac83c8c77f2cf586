//! The one way in which glue refuses an argument.

use pgrx::prelude::*;

/// Raises 22023 (`invalid_parameter_value`).
pub(crate) fn refuse(message: String) -> ! {
    ereport!(
        ERROR,
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        message
    );
}
