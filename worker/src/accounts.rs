//! Apps, accounts and numbers: those of the configuration with the ids that the database gave them, and those that
//! people saved in the database.
//!
//! One place answers for both: whose webhooks are believed, and which token opens an account.

use crate::{
    backoff::Backoff,
    config::App,
    db::{Db, DbError},
    queue::wake::{Source, Wake},
    sealed::{self, KeyRing, SealError},
    secret::Secret,
    shutdown::Stop,
    webhooks::verify::Signer,
};
use configured::{Configured, Pass};
use saved::Saved;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::{Mutex, Notify, watch};
use tracing::{error, info, warn};
use uuid::Uuid;

mod configured;
mod saved;

/// How often the database's apps and accounts are looked at though nothing called.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The least time between two looks, however often somebody calls.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(300);

/// Everything known of Meta's side.
#[derive(Debug)]
pub struct Accounts {
    configured: Configured,
    keys: KeyRing,
    public_url: String,
    saved: RwLock<Arc<Saved>>,
    /// Both kinds of apps, as webhooks need them.
    signers: RwLock<Arc<Vec<Signer>>>,
    /// One look at the database at a time.
    looking: Mutex<()>,
    /// Rung when people changed something.
    changed: Notify,
    /// Whether the database has heard of everything once, taken or refused.
    told: watch::Sender<bool>,
}

/// What opens an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// What the database tells it from the next one by.
    pub mark: String,
}

/// Why an account's token may not be used for a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// Neither in this worker's configuration nor saved, or not registered yet.
    #[error("this worker has no access token for the account")]
    Missing,
    /// It is there and does not open.
    #[error("this worker cannot open the account's access token: {0}")]
    Sealed(SealError),
    /// The job is of another site than the token.
    #[error("the account belongs to another site")]
    OtherSite,
}

impl Accounts {
    /// Of the configuration; nothing is registered or read yet. `public_url` may be empty.
    pub fn new(apps: Vec<App>, graph_version: &str, keys: KeyRing, public_url: &str) -> Self {
        let accounts = Self {
            configured: Configured::new(apps, graph_version),
            keys,
            public_url: public_url.to_owned(),
            saved: RwLock::default(),
            signers: RwLock::default(),
            looking: Mutex::default(),
            changed: Notify::new(),
            told: watch::Sender::default(),
        };
        accounts.gather();
        accounts
    }

    /// The configured apps.
    pub fn apps(&self) -> &[App] {
        self.configured.apps()
    }

    /// Every app whose webhooks are believed.
    pub fn signers(&self) -> Arc<Vec<Signer>> {
        Arc::clone(&self.signers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The app of a confirmed number.
    pub fn app_of(&self, phone_number_id: &str) -> Option<Uuid> {
        self.saved().numbers.get(phone_number_id).copied()
    }

    /// Whether every app has its id and what people saved has been read, so that webhooks can be believed and stored.
    pub fn is_registered(&self) -> bool {
        !self.saved().version.is_empty() && self.signers().iter().all(|app| app.id.is_some())
    }

    /// People may have changed something: look soon.
    pub fn look(&self) {
        self.changed.notify_one();
    }

    /// Ends when the database has heard of everything once. A job that is claimed before could want a token whose
    /// account is not known yet, and would be put off for no reason.
    pub async fn told(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.told.subscribe().wait_for(|told| *told).await;
    }

    /// The token of an account, for a job of `site` (when the job says which). What people saved stands above the
    /// configuration.
    pub fn token(&self, account: Uuid, site: Option<Uuid>) -> Result<Token, NoToken> {
        let foreign = |owner: Uuid| site.is_some_and(|site| site != owner);
        if let Some(held) = self.saved().tokens.get(&account) {
            if foreign(held.site) {
                return Err(NoToken::OtherSite);
            }
            let secret = held.token.clone().map_err(NoToken::Sealed)?;
            let mark = held.mark.clone();
            return Ok(Token { secret, mark });
        }
        match self.configured.token(account) {
            Some((owner, _)) if foreign(owner) => Err(NoToken::OtherSite),
            Some((_, secret)) if !secret.is_empty() => Ok(Token {
                mark: sealed::mark_of(&secret),
                secret,
            }),
            _ => Err(NoToken::Missing),
        }
    }

    /// Tells the database about all of it, again and again until it has taken everything or the stop comes.
    pub async fn register(self: Arc<Self>, db: Db, wake: Arc<Wake>, stop: Stop) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        loop {
            let mut pass = self.configured.register(&db).await;
            self.gather();
            for step in [
                self.publish(&db).await,
                self.read_saved(&db).await.map(drop),
            ] {
                if let Err(refused) = step {
                    warn!(error = %refused, "the database's apps and accounts are not known yet; trying on");
                    pass = pass.then(refused.failure());
                }
            }
            if pass != Pass::Interrupted {
                self.told.send_replace(true);
            }
            if pass == Pass::Complete {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                () = stop.requested() => return,
            }
        }
        info!(apps = self.apps().len(), "apps and numbers are registered");
        wake.call(Source::Database);
    }

    /// Reads what people saved whenever they say so, and now and then besides.
    pub async fn follow(self: Arc<Self>, db: Db, wake: Arc<Wake>, stop: Stop) {
        // A database that was never there tells nothing, and the worker may be asked to stop meanwhile.
        tokio::select! {
            () = self.told() => {}
            () = stop.requested() => return,
        }
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.requested() => return,
            }
            match self.read_saved(&db).await {
                Ok(true) => wake.call(Source::Database),
                Ok(false) => {}
                Err(error) => {
                    warn!(%error, "the database's apps and accounts cannot be read; going on with those of before");
                }
            }
            // Strangers at the webhook's door must not make us ask all the time.
            tokio::select! {
                () = tokio::time::sleep(LOOK_AT_MOST_EVERY) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Publishes the key that clients are to seal for.
    async fn publish(&self, db: &Db) -> Result<(), DbError> {
        let Some(key) = self.keys.own() else {
            return Ok(());
        };
        let public = key.public();
        let published = db
            .publish_worker_key(&public.to_base64(), &self.public_url, false)
            .await?;
        if published.current != published.key_id {
            error!(
                own = published.key_id,
                current = published.current,
                "people seal secrets for another worker's key: give this worker that key, or run `worker rotate-key` with both"
            );
        }
        Ok(())
    }

    /// Reads what people saved. Returns whether anything is new.
    async fn read_saved(&self, db: &Db) -> Result<bool, DbError> {
        let _one_at_a_time = self.looking.lock().await;
        let known = self.saved().version.clone();
        let read = db.whatsapp_secrets(&known).await?;
        if read.version == known {
            return Ok(false);
        }
        let (saved, complaints) = Saved::open(read, &self.keys);
        for complaint in complaints {
            error!("{complaint}");
        }
        info!(
            apps = saved.apps.len(),
            accounts = saved.tokens.len(),
            "apps and accounts of the database are read"
        );
        *self.saved.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(saved);
        self.gather();
        Ok(true)
    }

    /// Puts both kinds of apps together.
    fn gather(&self) {
        let mut signers = self.configured.signers();
        signers.extend(self.saved().apps.iter().cloned());
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signers);
    }

    fn saved(&self) -> Arc<Saved> {
        Arc::clone(&self.saved.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Account;
    use crate::db::Registered;

    /// The database took the only account.
    fn note(accounts: &Accounts, registered: &Registered) {
        let account = &accounts.apps()[0].accounts[0];
        accounts.configured.note(0, registered, Some(account));
        accounts.gather();
    }

    fn of(apps: Vec<App>) -> Accounts {
        Accounts::new(apps, "v26.0", KeyRing::default(), "")
    }

    fn account(site: Uuid, token: &str) -> Account {
        Account {
            site_id: site,
            business_account_id: "1".into(),
            access_token: Secret::new(token),
            graph_version: String::new(),
            numbers: vec!["2".into()],
        }
    }

    fn app(accounts: Vec<Account>) -> App {
        App {
            name: "a".into(),
            app_id: String::new(),
            secret: Secret::new("s"),
            verify_token: Secret::default(),
            accounts,
        }
    }

    #[test]
    fn a_token_serves_its_own_site_only() {
        let (site, other, id) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let accounts = of(vec![app(vec![account(site, "t")])]);
        assert_eq!(
            accounts.token(id, Some(site)).unwrap_err(),
            NoToken::Missing
        );
        assert!(!accounts.is_registered());
        let registered = Registered {
            app: Uuid::new_v4(),
            account: Some(id),
            number: None,
            confirmed: false,
        };
        note(&accounts, &registered);
        assert_eq!(accounts.signers()[0].id, Some(registered.app));
        assert!(
            !accounts.is_registered(),
            "what people saved is not read yet"
        );
        assert_eq!(accounts.token(id, Some(site)).unwrap().secret.expose(), "t");
        assert_eq!(
            accounts.token(id, Some(other)).unwrap_err(),
            NoToken::OtherSite
        );
    }

    #[tokio::test]
    async fn with_nothing_told_the_queue_waits() {
        let accounts = of(Vec::new());
        tokio::select! {
            biased;
            () = accounts.told() => panic!("nothing was told yet"),
            () = std::future::ready(()) => {}
        }
        accounts.told.send_replace(true);
        accounts.told().await;
    }

    #[test]
    fn an_empty_token_is_none() {
        let (site, id) = (Uuid::new_v4(), Uuid::new_v4());
        let accounts = of(vec![app(vec![account(site, "")])]);
        let registered = Registered {
            app: Uuid::new_v4(),
            account: Some(id),
            number: None,
            confirmed: false,
        };
        note(&accounts, &registered);
        assert_eq!(accounts.token(id, None).unwrap_err(), NoToken::Missing);
    }
}
