//! Refusals in Storage's words and shape. Its HTTP status is 400 for nearly all of
//! them; the one that is meant stands in the body, as text.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not granted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("headers must have required property 'authorization'")]
    NoAuthorization,
    #[error("signature verification failed")]
    BadJwt,
    #[error("The url do not match the signature")]
    BadSignature,
    #[error("Bucket not found")]
    NoSuchBucket,
    #[error("Object not found")]
    NoSuchObject,
    #[error("The resource already exists")]
    Duplicate,
    #[error("new row violates row-level security policy")]
    NotAllowed,
    #[error("The object exceeded the maximum allowed size")]
    TooLarge,
    #[error("mime type {0} is not supported")]
    MimeType(String),
    #[error("Invalid key: {0}")]
    BadKey(String),
    #[error("The bucket you tried to delete is not empty")]
    NotEmpty,
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Database(sqlx::Error),
    #[error("the file could not be kept: {0}")]
    Disk(#[from] std::io::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some("42501") => Self::NotAllowed,
            Some("23505") => Self::Duplicate,
            Some("23503") => Self::NoSuchBucket,
            _ => Self::Database(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (meant, error) = match &self {
            Self::NoAuthorization => ("400", "Error"),
            Self::BadJwt => ("403", "Unauthorized"),
            Self::BadSignature => ("400", "InvalidSignature"),
            Self::NoSuchBucket => ("404", "Bucket not found"),
            Self::NoSuchObject => ("404", "not_found"),
            Self::Duplicate => ("409", "Duplicate"),
            Self::NotAllowed => ("403", "Unauthorized"),
            Self::TooLarge => ("413", "Payload too large"),
            Self::MimeType(_) => ("415", "invalid_mime_type"),
            Self::BadKey(_) => ("400", "InvalidKey"),
            Self::NotEmpty => ("409", "InvalidRequest"),
            Self::BadRequest(_) => ("400", "InvalidRequest"),
            Self::Database(_) | Self::Disk(_) => {
                tracing::error!("storage: {self}");
                ("500", "DatabaseError")
            }
        };
        let status = if meant == "500" {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        };
        let body = json!({ "statusCode": meant, "error": error, "message": self.to_string() });
        (status, Json(body)).into_response()
    }
}
