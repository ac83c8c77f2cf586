//! Refusals in GoTrue's words and shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not granted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Invalid login credentials")]
    InvalidCredentials,
    #[error("unsupported_grant_type")]
    UnsupportedGrant,
    #[error("Invalid Refresh Token: Refresh Token Not Found")]
    RefreshTokenNotFound,
    #[error("Invalid Refresh Token: Already Used")]
    RefreshTokenAlreadyUsed,
    #[error("User already registered")]
    UserAlreadyExists,
    #[error("Password should be at least 6 characters.")]
    WeakPassword,
    #[error("This endpoint requires a Bearer token")]
    NoAuthorization,
    #[error("invalid JWT: unable to parse or verify signature")]
    BadJwt,
    #[error("Session from session_id claim in JWT does not exist")]
    SessionNotFound,
    #[error("Database error querying schema")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::InvalidCredentials => (StatusCode::BAD_REQUEST, "invalid_credentials"),
            Self::UnsupportedGrant => (StatusCode::BAD_REQUEST, "validation_failed"),
            Self::RefreshTokenNotFound => (StatusCode::BAD_REQUEST, "refresh_token_not_found"),
            Self::RefreshTokenAlreadyUsed => {
                (StatusCode::BAD_REQUEST, "refresh_token_already_used")
            }
            Self::UserAlreadyExists => (StatusCode::UNPROCESSABLE_ENTITY, "user_already_exists"),
            Self::WeakPassword => (StatusCode::UNPROCESSABLE_ENTITY, "weak_password"),
            Self::NoAuthorization => (StatusCode::UNAUTHORIZED, "no_authorization"),
            Self::BadJwt => (StatusCode::FORBIDDEN, "bad_jwt"),
            Self::SessionNotFound => (StatusCode::FORBIDDEN, "session_not_found"),
            Self::Database(error) => {
                tracing::error!("auth: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure")
            }
        };
        let mut body =
            json!({ "code": status.as_u16(), "error_code": code, "msg": self.to_string() });
        if matches!(self, Self::WeakPassword) {
            body["weak_password"] = json!({ "reasons": ["length"] });
        }
        (status, Json(body)).into_response()
    }
}
