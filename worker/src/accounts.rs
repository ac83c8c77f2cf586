//! Apps, accounts and numbers of the configuration, and the ids that the database gave them.
//!
//! Secrets and tokens stay here; the database gets only names and Meta's ids.

use crate::{
    backoff::Backoff,
    config::{Account, App},
    db::{Db, DbError, Failure, Registered, Registration},
    queue::wake::{Source, Wake},
    secret::Secret,
    shutdown::Stop,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;
use tracing::{error, info, warn};
use uuid::Uuid;

/// Everything known of Meta's side.
#[derive(Debug)]
pub struct Accounts {
    apps: Vec<App>,
    graph_version: String,
    ids: RwLock<Ids>,
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

/// Why an account's token may not be used for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// Not in this worker's configuration, or not registered yet.
    #[error("this worker has no access token for the account")]
    Missing,
    /// The job is of another site than the token.
    #[error("the account belongs to another site")]
    OtherSite,
}

impl Accounts {
    /// Of the configuration; nothing is registered yet.
    pub fn new(apps: Vec<App>, graph_version: &str) -> Self {
        Self {
            apps,
            graph_version: graph_version.to_owned(),
            ids: RwLock::default(),
            told: watch::Sender::default(),
        }
    }

    /// The configured apps.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// The database's id of an app, by its place in [`Accounts::apps`]; none before registration.
    pub fn app_id(&self, place: usize) -> Option<Uuid> {
        self.read(|ids| ids.apps.get(&place).copied())
    }

    /// Whether every app has its id, so that webhooks can be stored.
    pub fn is_registered(&self) -> bool {
        self.read(|ids| ids.apps.len() == self.apps.len())
    }

    /// Ends when the database has heard of everything once. A job that is claimed before could want a token whose
    /// account is not known yet, and would be put off for no reason.
    pub async fn told(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.told.subscribe().wait_for(|told| *told).await;
    }

    /// The token of an account, for a job of `site` (when the job says which).
    pub fn token(&self, account: Uuid, site: Option<Uuid>) -> Result<Secret, NoToken> {
        self.read(|ids| match ids.tokens.get(&account) {
            None => Err(NoToken::Missing),
            Some((owner, _)) if site.is_some_and(|site| site != *owner) => Err(NoToken::OtherSite),
            Some((_, token)) if token.is_empty() => Err(NoToken::Missing),
            Some((_, token)) => Ok(token.clone()),
        })
    }

    /// Tells the database about all of it, again and again until it has taken everything or the stop comes.
    pub async fn register(self: Arc<Self>, db: Db, wake: Arc<Wake>, stop: Stop) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        loop {
            let pass = self.register_once(&db).await;
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
                        Ok(registered) => self.note(place, &registered, Some(account)),
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
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        ids.apps.insert(place, registered.app);
        if let (Some(id), Some(account)) = (registered.account, account) {
            ids.tokens
                .insert(id, (account.site_id, account.access_token.clone()));
        }
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
        let accounts = Accounts::new(vec![app(vec![account(site, "t")])], "v26.0");
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
        assert!(accounts.is_registered());
        assert_eq!(accounts.token(id, Some(site)).unwrap().expose(), "t");
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
        let accounts = Accounts::new(Vec::new(), "v26.0");
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
        let accounts = Accounts::new(vec![app(vec![account(site, "")])], "v26.0");
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
