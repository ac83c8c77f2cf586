//! Who we are over HTTPS: a user of Supabase Auth whose role is `chat_worker` (crate `supabase-auth`).
//!
//! A token is held for most of its life, then renewed, by the password where it cannot be renewed. No token of another
//! role is ever used. Being refused is followed by a longer and longer pause, whoever asks meanwhile.

use super::{EdgeError, first_words, in_header};
use crate::{backoff::Backoff, config, secret::Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::{future::Future, time::Duration};
use supabase_auth::{
    error::Error as AuthError,
    models::{AuthClient, Session},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// The one role whose tokens are used.
const ROLE: &str = "chat_worker";

/// A token that was refused before it got so old was never good.
const PROVEN: Duration = Duration::from_secs(60);

/// Signs in, once for all who call.
pub(super) struct SignIn {
    client: AuthClient,
    email: String,
    password: Secret,
    patience: Duration,
    held: Mutex<Held>,
}

struct Held {
    token: Option<Token>,
    /// Not before this, and why.
    wait: Option<(Instant, EdgeError)>,
    backoff: Backoff,
}

#[derive(Clone)]
struct Token {
    text: Secret,
    renews_by: Secret,
    since: Instant,
    renew_at: Instant,
    ends_at: Instant,
}

impl SignIn {
    /// Of the configured user, at a project's address with the key that opens its gateway.
    pub(super) fn new(
        config: &config::Edge,
        base: &str,
        key: Secret,
        patience: Duration,
    ) -> Result<Self, EdgeError> {
        if config.email.is_empty() {
            return Err(EdgeError::Key("edge.email (CHAT_EDGE_EMAIL)"));
        }
        if config.password.is_empty() {
            return Err(EdgeError::Key("edge.password (CHAT_EDGE_PASSWORD)"));
        }
        Ok(Self {
            // The third is for making tokens of one's own; we have no such secret.
            client: AuthClient::new(base, key.expose(), ""),
            email: config.email.clone(),
            password: config.password.clone(),
            patience,
            held: Mutex::new(Held {
                token: None,
                wait: None,
                backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            }),
        })
    }

    /// A token that is good now.
    pub(super) async fn token(&self) -> Result<Secret, EdgeError> {
        let mut held = self.held.lock().await;
        self.good(&mut held).await
    }

    /// Another one, after this was refused.
    pub(super) async fn another_than(
        &self,
        refused: &Secret,
        why: &EdgeError,
    ) -> Result<Secret, EdgeError> {
        let mut held = self.held.lock().await;
        held.drop_token(refused, why);
        self.good(&mut held).await
    }

    async fn good(&self, held: &mut Held) -> Result<Secret, EdgeError> {
        let now = Instant::now();
        let still_good = held.token.clone().filter(|token| now < token.ends_at);
        if let Some(token) = still_good.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.text.clone());
        }
        if let Some((_, why)) = held.wait.as_ref().filter(|(until, _)| now < *until) {
            return still_good
                .map(|token| token.text)
                .ok_or_else(|| why.clone());
        }
        match self.renewed(held.token.as_ref()).await {
            Ok(token) => {
                if held.token.is_some() {
                    held.backoff.reset();
                }
                held.wait = None;
                Ok(held.token.insert(token).text.clone())
            }
            Err(why) => {
                held.wait = Some((Instant::now() + held.backoff.pause(), why.clone()));
                still_good.map(|token| token.text).ok_or(why)
            }
        }
    }

    async fn renewed(&self, before: Option<&Token>) -> Result<Token, EdgeError> {
        if let Some(before) = before {
            let renewing = self.client.refresh_session(before.renews_by.expose());
            if let Ok(token) = self.ask(renewing).await {
                return Ok(token);
            }
        }
        let login = self
            .client
            .login_with_email(&self.email, self.password.expose());
        self.ask(login).await
    }

    async fn ask(
        &self,
        call: impl Future<Output = Result<Session, AuthError>>,
    ) -> Result<Token, EdgeError> {
        let asked_at = Instant::now();
        match timeout(self.patience, call).await {
            Ok(Ok(session)) => Token::of(session, asked_at),
            Ok(Err(AuthError::AuthError { status, message })) => Err(EdgeError::NotSignedIn {
                status: status.as_u16(),
                // An answer that the crate cannot read, although all went well, holds the tokens.
                says: if status.is_success() {
                    "a session in an unknown shape".to_owned()
                } else {
                    first_words(&message)
                },
            }),
            Ok(Err(error)) => Err(EdgeError::away(error)),
            Err(_) => Err(EdgeError::silent(self.patience)),
        }
    }
}

impl Held {
    /// Forgets a token that was refused. One that was never good is not followed by another at once.
    fn drop_token(&mut self, refused: &Secret, why: &EdgeError) {
        let Some(token) = self.token.take_if(|token| token.text == *refused) else {
            return;
        };
        if token.since.elapsed() < PROVEN {
            self.wait = Some((Instant::now() + self.backoff.pause(), why.clone()));
        } else {
            self.backoff.reset();
        }
    }
}

impl Token {
    /// Of a session that was asked for at `asked_at`. Our clock need not be Auth's: only its length counts.
    fn of(session: Session, asked_at: Instant) -> Result<Self, EdgeError> {
        let text = in_header(
            &Secret::new(session.access_token),
            "the token of Supabase Auth",
        )?;
        match role_in(text.expose()) {
            Some(role) if role == ROLE => {}
            role => {
                return Err(EdgeError::Role(
                    role.unwrap_or_else(|| "of nobody".to_owned()),
                ));
            }
        }
        let lasts = Duration::from_secs(session.expires_in.try_into().unwrap_or(0));
        Ok(Self {
            text,
            renews_by: Secret::new(session.refresh_token),
            since: asked_at,
            renew_at: asked_at + lasts / 4 * 3,
            ends_at: asked_at + lasts / 10 * 9,
        })
    }
}

/// The role that a token claims. Unverified: whether it is so is PostgREST's to say.
fn role_in(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims["role"].as_str()?.to_owned())
}

/// Whether a project's key is one that no policy binds, which has no business here.
pub fn passes_by_policies(key: &Secret) -> bool {
    key.expose().starts_with("sb_secret_")
        || role_in(key.expose()).as_deref() == Some("service_role")
}
