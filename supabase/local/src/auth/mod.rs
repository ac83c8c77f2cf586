//! The Auth double: password and refresh grants, sign-up (anonymous too), the
//! user and the way out, with GoTrue's bodies. No mails, no providers.

mod refusal;
mod store;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Result;
use crate::keys::JwtSecret;
use crate::server::Server;
use refusal::Refusal;
pub use store::new_user;
use store::{Session, Store, User};

/// Seconds an access token is good for.
const TOKEN_LIFE: i64 = 3600;

/// What the routes share.
pub struct Auth {
    store: Store,
    secret: JwtSecret,
    issuer: String,
}

impl Auth {
    /// Connects as Supabase's auth server does. `issuer` is its own address.
    pub async fn connect(
        server: &Server,
        database: &str,
        secret: JwtSecret,
        issuer: String,
    ) -> Result<Self> {
        Ok(Self {
            store: Store::connect(server, database).await?,
            secret,
            issuer,
        })
    }

    /// The body of a successful sign-in or refresh.
    fn session(&self, user: &User, session: &Session) -> Value {
        let now = jiff::Timestamp::now().as_second();
        let method = if user.is_anonymous {
            "anonymous"
        } else {
            "password"
        };
        let access_token = self.secret.sign(&json!({
            "iss": self.issuer,
            "sub": user.id,
            "aud": user.aud,
            "role": user.role,
            "email": user.email.as_deref().unwrap_or_default(),
            "phone": "",
            "app_metadata": user.app_metadata(),
            "user_metadata": user.raw_user_meta_data,
            "aal": "aal1",
            "amr": [{ "method": method, "timestamp": session.opened_at }],
            "session_id": session.id,
            "is_anonymous": user.is_anonymous,
            "iat": now,
            "exp": now + TOKEN_LIFE,
        }));
        json!({
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": TOKEN_LIFE,
            "expires_at": now + TOKEN_LIFE,
            "refresh_token": session.refresh_token,
            "user": user.body(),
        })
    }

    /// The user and session that a request's bearer token names.
    async fn bearer(&self, headers: &HeaderMap) -> Result<(User, Uuid), Refusal> {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = token
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(Refusal::NoAuthorization)?;
        let claims: Claims = self.secret.verify(token).ok_or(Refusal::BadJwt)?;
        let user = self
            .store
            .user_of_session(claims.session_id, claims.sub)
            .await?;
        Ok((user.ok_or(Refusal::SessionNotFound)?, claims.session_id))
    }
}

/// Routes that stand under `/auth/v1`.
pub fn router(auth: Auth) -> Router {
    Router::new()
        .route("/token", post(token))
        .route("/signup", post(sign_up))
        .route("/user", get(user))
        .route("/logout", post(log_out))
        .with_state(Arc::new(auth))
}

/// What we need of our own access tokens.
#[derive(Clone, Deserialize)]
struct Claims {
    sub: Uuid,
    session_id: Uuid,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    grant_type: String,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    refresh_token: String,
    /// `user_metadata` of a new user.
    #[serde(default)]
    data: Option<Value>,
}

type Answer<T = Json<Value>> = Result<T, Refusal>;

async fn token(
    State(auth): State<Arc<Auth>>,
    Query(grant): Query<Grant>,
    Json(given): Json<Credentials>,
) -> Answer {
    let (user, session) = match grant.grant_type.as_str() {
        "password" => {
            let user = auth
                .store
                .user_by_password(&given.email, &given.password)
                .await?;
            let user = user.ok_or(Refusal::InvalidCredentials)?;
            let session = auth.store.open_session(user.id).await?;
            (user, session)
        }
        "refresh_token" => auth.store.refresh(&given.refresh_token).await?,
        _ => return Err(Refusal::UnsupportedGrant),
    };
    Ok(Json(auth.session(&user, &session)))
}

async fn sign_up(State(auth): State<Arc<Auth>>, Json(given): Json<Credentials>) -> Answer {
    let metadata = given.data.unwrap_or_else(|| json!({}));
    let user = if given.email.is_empty() {
        auth.store.add_anonymous(metadata).await?
    } else if given.password.chars().count() < 6 {
        return Err(Refusal::WeakPassword);
    } else {
        auth.store
            .add(&given.email, &given.password, metadata)
            .await?
            .ok_or(Refusal::UserAlreadyExists)?
    };
    let session = auth.store.open_session(user.id).await?;
    Ok(Json(auth.session(&user, &session)))
}

async fn user(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Answer {
    let (user, _) = auth.bearer(&headers).await?;
    Ok(Json(user.body()))
}

#[derive(Deserialize)]
struct Scope {
    #[serde(default)]
    scope: Option<String>,
}

async fn log_out(
    State(auth): State<Arc<Auth>>,
    Query(Scope { scope }): Query<Scope>,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    let (user, session) = auth.bearer(&headers).await?;
    match scope.as_deref() {
        Some("local") => auth.store.close_session(session).await?,
        Some("others") => auth.store.close_sessions(user.id, Some(session)).await?,
        _ => auth.store.close_sessions(user.id, None).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
