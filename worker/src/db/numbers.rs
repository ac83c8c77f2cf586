//! The functions about apps, accounts, numbers and their secrets.

use super::{Confirmed, Db, DbError, Registered, Registration, call::Call};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What `chat_publish_worker_key` answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Published {
    /// The key that was published.
    pub key_id: String,
    /// The one that clients seal for.
    pub current: String,
}

/// What people saved, sealed. Without lists when nothing changed since the version that was asked with.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct SavedSecrets {
    pub version: String,
    pub apps: Option<Vec<SavedApp>>,
    pub accounts: Option<Vec<SavedAccount>>,
}

/// One app of [`SavedSecrets`].
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct SavedApp {
    pub id: Uuid,
    pub name: String,
    /// Sealed, in base64.
    pub secret: String,
    /// SHA-256, in base64.
    pub verify_token_hash: Option<String>,
}

/// One account of [`SavedSecrets`].
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct SavedAccount {
    pub id: Uuid,
    pub site_id: Uuid,
    pub app: Uuid,
    /// Sealed, in base64; none when the configuration has it or nobody.
    pub token: Option<String>,
    pub mark: Option<String>,
    /// Meta's ids of its confirmed numbers.
    pub numbers: Vec<String>,
}

/// A secret to be sealed anew, and then sealed anew.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[allow(missing_docs)]
pub struct SealedSecret {
    pub what: String,
    pub id: Uuid,
    pub sealed: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resealed: String,
}

/// What an app's webhooks did lately; times as PostgreSQL reads them.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct HeardOf {
    pub app: Uuid,
    pub webhook_at: Option<String>,
    pub refused_at: Option<String>,
    pub why: Option<&'static str>,
    pub refused: u64,
}

impl Db {
    /// Says what the configuration knows; repeatable.
    pub async fn register_whatsapp(
        &self,
        registration: &Registration<'_>,
    ) -> Result<Registered, DbError> {
        let call = Call::of("chat_register_whatsapp")
            .with("app_name", registration.app_name)
            .with_some("site_id", registration.site_id)
            .with_some("waba_id", registration.waba_id)
            .with_some("phone_number_id", registration.phone_number_id)
            .with("graph_version", registration.graph_version)
            .with_some("app_id", registration.app_id);
        self.ask(call).await
    }

    /// Hands in what Graph said about a number when asked with its site's own token.
    pub async fn confirm_number(
        &self,
        number: Uuid,
        details: &Value,
    ) -> Result<Confirmed, DbError> {
        let call = Call::of("chat_confirm_number").with("number", number);
        self.ask(call.with_json("details", details)?).await
    }

    /// Publishes a key that clients may seal for. `webhooks_url` may be empty.
    pub async fn publish_worker_key(
        &self,
        public_key: &str,
        webhooks_url: &str,
        take_over: bool,
    ) -> Result<Published, DbError> {
        let url = Some(webhooks_url).filter(|url| !url.is_empty());
        let call = Call::of("chat_publish_worker_key")
            .with("public_key", public_key)
            .with_some("webhooks_url", url)
            .with("take_over", take_over);
        self.ask(call).await
    }

    /// Reads what people saved, when it is not `known` already.
    pub async fn whatsapp_secrets(&self, known: &str) -> Result<SavedSecrets, DbError> {
        self.ask(Call::of("chat_whatsapp_secrets").with("known", known))
            .await
    }

    /// Up to a hundred secrets that are sealed for another key, those after `<what>:<id>`.
    pub async fn secrets_to_reseal(
        &self,
        key_id: &str,
        after: &str,
    ) -> Result<Vec<SealedSecret>, DbError> {
        let call = Call::of("chat_secrets_to_reseal")
            .with("key_id", key_id)
            .with("after", after)
            .with("batch", 100);
        self.ask(call).await
    }

    /// Stores secrets sealed anew, where they are still what was opened. Returns how many were.
    pub async fn store_resealed(&self, secrets: &[SealedSecret]) -> Result<i32, DbError> {
        self.ask(Call::of("chat_store_resealed").with_json("secrets", secrets)?)
            .await
    }

    /// Says which token the configuration has for an account; another one than before ends the wait for it.
    pub async fn token_in_use(&self, account: Uuid, mark: &str) -> Result<bool, DbError> {
        let call = Call::of("chat_token_in_use")
            .with("account", account)
            .with("mark", mark);
        self.ask(call).await
    }

    /// Stores what a test of a number found, and what Graph says of the number.
    pub async fn note_number_test(
        &self,
        number: Uuid,
        result: &Value,
        details: Option<&Value>,
    ) -> Result<(), DbError> {
        let call = Call::of("chat_note_number_test")
            .with("number", number)
            .with_json("result", result)?;
        let call = match details {
            Some(details) => call.with_json("details", details)?,
            None => call,
        };
        self.tell(call).await
    }

    /// Notes that a test message is being sent, or how that ended. False: it is not for us to send.
    pub async fn note_test_send(&self, number: Uuid, result: &Value) -> Result<bool, DbError> {
        let call = Call::of("chat_note_test_send").with("number", number);
        self.ask(call.with_json("result", result)?).await
    }

    /// Tells what webhooks did lately.
    pub async fn note_webhooks(&self, heard: &[HeardOf]) -> Result<(), DbError> {
        self.tell(Call::of("chat_note_webhooks").with_json("heard", heard)?)
            .await
    }
}
