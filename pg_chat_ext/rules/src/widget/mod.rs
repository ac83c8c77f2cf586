//! What the widget of a site may be used for: on which pages it opens, and what its forms take.

mod domains;
mod form;

pub use domains::origin_allowed;
pub use form::{Field, Problem, Trouble, form_problems, form_problems_json};

/// Why a form could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The required fields are not a list of field names.
    #[error("the required fields of a form cannot be read: {0}")]
    BadFields(#[source] serde_json::Error),
    /// The values are not JSON.
    #[error("the values of a form cannot be read: {0}")]
    BadValues(#[source] serde_json::Error),
}
