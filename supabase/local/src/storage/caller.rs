//! Who asks: the role and claims of a request's token, and transactions in them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, Transaction};

use super::{Refusal, Storage};

/// Somebody with a token of the project.
pub(super) struct Caller {
    claims: Value,
}

impl Caller {
    /// Storage itself: it may do everything, once it has asked for the caller.
    pub(super) fn itself() -> Self {
        Self {
            claims: json!({ "role": "service_role" }),
        }
    }

    /// The same for a user who was asked for before.
    pub(super) fn itself_for(user: Option<String>) -> Self {
        Self {
            claims: json!({ "role": "service_role", "sub": user }),
        }
    }

    /// The user's id, which becomes the owner of what they upload.
    pub(super) fn user(&self) -> Option<&str> {
        self.claims["sub"].as_str()
    }

    /// A transaction in which `auth.uid()` and the policies see this caller.
    pub(super) async fn begin(
        &self,
        pool: &PgPool,
    ) -> Result<Transaction<'static, Postgres>, Refusal> {
        let mut transaction = pool.begin().await?;
        // The role comes last: it may set nothing else.
        sqlx::query(
            "select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)",
        )
        .bind(self.claims.to_string())
        .bind(self.claims["role"].as_str().unwrap_or("anon"))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction)
    }
}

impl FromRequestParts<Arc<Storage>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        storage: &Arc<Storage>,
    ) -> Result<Self, Refusal> {
        let text = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        // As the gateway does: the key stands in for a missing token.
        let token = text(AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "))
            .or_else(|| text("apikey"))
            .ok_or(Refusal::NoAuthorization)?;
        let claims = storage.secret.verify(token).ok_or(Refusal::BadJwt)?;
        Ok(Self { claims })
    }
}
