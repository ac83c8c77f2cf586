//! Apps, accounts and numbers: those of the configuration with the ids that the database gave them, and those that
//! people saved in the database.
//!
//! Secrets of the configuration stay here; the database gets only names and Meta's ids. Secrets of the database come
//! sealed and are opened here.

use crate::{
    backoff::Backoff,
    config::{Account, App},
    db::{Db, DbError, Failure, Registered, Registration},
    queue::wake::{Source, Wake},
    sealed::{self, KeyRing, SealError},
    secret::Secret,
    shutdown::Stop,
    webhooks::verify::{Signer, token_hash},
};
use saved::Saved;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::{Mutex, Notify, watch};
use tracing::{error, info, warn};
use uuid::Uuid;

mod saved;

/// How often the database's apps and accounts are looked at though nothing called.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The least time between two looks, however often somebody calls.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(300);

/// Everything known of Meta's side.
#[derive(Debug)]
pub struct Accounts {
    apps: Vec<App>,
    graph_version: String,
    keys: KeyRing,
    public_url: String,
    ids: RwLock<Ids>,
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

/// How one pass over the configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Everything was taken.
    Complete,
    /// Something was refused and needs a person; the rest is known.
    Refused,
    /// The database could not be asked about everything.
    Interrupted,
}

/// What registration brought so far.
#[derive(Clone, Debug, Default)]
struct Ids {
    /// By place in [`Accounts::apps`].
    apps: HashMap<usize, Uuid>,
    /// Site and token by account.
    tokens: HashMap<Uuid, (Uuid, Secret)>,
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
            apps,
            graph_version: graph_version.to_owned(),
            keys,
            public_url: public_url.to_owned(),
            ids: RwLock::default(),
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
        &self.apps
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
        !self.saved().version.is_empty() && self.read(|ids| ids.apps.len() == self.apps.len())
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
        self.read(|ids| match ids.tokens.get(&account) {
            None => Err(NoToken::Missing),
            Some((owner, _)) if foreign(*owner) => Err(NoToken::OtherSite),
            Some((_, token)) if token.is_empty() => Err(NoToken::Missing),
            Some((_, token)) => Ok(Token {
                secret: token.clone(),
                mark: sealed::mark_of(token),
            }),
        })
    }

    /// Tells the database about all of it, again and again until it has taken everything or the stop comes.
    pub async fn register(self: Arc<Self>, db: Db, wake: Arc<Wake>, stop: Stop) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        loop {
            let mut pass = self.register_once(&db).await;
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
        info!(apps = self.apps.len(), "apps and numbers are registered");
        wake.call(Source::Database);
    }

    /// Reads what people saved whenever they say so, and now and then besides.
    pub async fn follow(self: Arc<Self>, db: Db, wake: Arc<Wake>, stop: Stop) {
        self.told().await;
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
        let mut signers: Vec<Signer> = self.read(|ids| {
            let apps = self.apps.iter().enumerate();
            apps.map(|(place, app)| Signer {
                id: ids.apps.get(&place).copied(),
                name: app.name.clone(),
                secret: app.secret.clone(),
                verify_token_hash: token_hash(&app.verify_token),
            })
            .collect()
        });
        signers.extend(self.saved().apps.iter().cloned());
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signers);
    }

    fn saved(&self) -> Arc<Saved> {
        Arc::clone(&self.saved.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One pass over the configuration. What one number is refused does not keep the others out.
    async fn register_once(&self, db: &Db) -> Pass {
        let mut pass = Pass::Complete;
        for (place, app) in self.apps.iter().enumerate() {
            match db
                .register_whatsapp(&self.registration(app, None, None))
                .await
            {
                Ok(registered) => self.note(place, &registered, None),
                Err(refused) => {
                    complain(app, None, &refused);
                    pass = pass.then(refused.failure());
                    continue;
                }
            }
            for account in &app.accounts {
                for number in &account.numbers {
                    match db
                        .register_whatsapp(&self.registration(app, Some(account), Some(number)))
                        .await
                    {
                        Ok(registered) => {
                            self.note(place, &registered, Some(account));
                            if let Some(id) = registered.account
                                && !account.access_token.is_empty()
                                && let Err(refused) = db
                                    .token_in_use(id, &sealed::mark_of(&account.access_token))
                                    .await
                            {
                                complain(app, Some(number), &refused);
                                pass = pass.then(refused.failure());
                            }
                        }
                        Err(refused) => {
                            complain(app, Some(number), &refused);
                            pass = pass.then(refused.failure());
                        }
                    }
                }
            }
        }
        pass
    }

    fn registration<'a>(
        &'a self,
        app: &'a App,
        account: Option<&'a Account>,
        number: Option<&'a str>,
    ) -> Registration<'a> {
        let version = account.map_or("", |account| account.graph_version.as_str());
        Registration {
            app_name: &app.name,
            site_id: account.map(|account| account.site_id),
            waba_id: account.map(|account| account.business_account_id.as_str()),
            phone_number_id: number,
            graph_version: if version.is_empty() {
                &self.graph_version
            } else {
                version
            },
            app_id: Some(app.app_id.as_str()).filter(|id| !id.is_empty()),
        }
    }

    fn note(&self, place: usize, registered: &Registered, account: Option<&Account>) {
        {
            let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
            ids.apps.insert(place, registered.app);
            if let (Some(id), Some(account)) = (registered.account, account) {
                ids.tokens
                    .insert(id, (account.site_id, account.access_token.clone()));
            }
        }
        self.gather();
    }

    fn read<T>(&self, look: impl FnOnce(&Ids) -> T) -> T {
        look(&self.ids.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pass {
    /// With one more thing that was not taken.
    fn then(self, failure: Failure) -> Self {
        match (self, failure) {
            (Self::Interrupted, _) | (_, Failure::Passing) => Self::Interrupted,
            (Self::Complete | Self::Refused, Failure::Data | Failure::Fault) => Self::Refused,
        }
    }
}

/// Says what was refused. A passing failure is a warning; the rest needs a person.
fn complain(app: &App, number: Option<&str>, refused: &DbError) {
    match refused.failure() {
        Failure::Passing => {
            warn!(app = app.name, number, error = %refused, "not registered yet; trying on")
        }
        Failure::Data | Failure::Fault => error!(
            app = app.name,
            number,
            error = %refused,
            "not registered; `worker check` says what to do; trying on"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        accounts.note(0, &registered, Some(&accounts.apps[0].accounts[0]));
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

    #[test]
    fn a_refusal_lets_the_queue_start_and_a_database_that_is_away_does_not() {
        assert_eq!(Pass::Complete.then(Failure::Data), Pass::Refused);
        assert_eq!(Pass::Refused.then(Failure::Passing), Pass::Interrupted);
        assert_eq!(Pass::Interrupted.then(Failure::Fault), Pass::Interrupted);
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
        accounts.note(0, &registered, Some(&accounts.apps[0].accounts[0]));
        assert_eq!(accounts.token(id, None).unwrap_err(), NoToken::Missing);
    }
}
