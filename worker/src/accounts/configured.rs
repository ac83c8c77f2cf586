//! Apps, accounts and numbers of the configuration, with the ids that the database gives them.
//!
//! Their secrets stay here; the database gets only names and Meta's ids.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use tracing::{error, warn};
use uuid::Uuid;

use crate::config::{Account, App};
use crate::db::{Db, DbError, Failure, Registered, Registration};
use crate::sealed;
use crate::secret::Secret;
use crate::webhooks::verify::{Signer, token_hash};

/// The configuration's, and how far the database knows them.
#[derive(Debug)]
pub struct Configured {
    apps: Vec<App>,
    graph_version: String,
    ids: RwLock<Ids>,
}

/// What registration brought so far.
#[derive(Clone, Debug, Default)]
struct Ids {
    /// By place in [`Configured::apps`].
    apps: HashMap<usize, Uuid>,
    /// Site and token by account.
    tokens: HashMap<Uuid, (Uuid, Secret)>,
}

/// How one pass over the configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Everything was taken.
    Complete,
    /// Something was refused and needs a person; the rest is known.
    Refused,
    /// The database could not be asked about everything.
    Interrupted,
}

impl Configured {
    /// Nothing is registered yet. `graph_version` is of accounts that name none.
    pub fn new(apps: Vec<App>, graph_version: &str) -> Self {
        Self {
            apps,
            graph_version: graph_version.to_owned(),
            ids: RwLock::default(),
        }
    }

    /// The apps.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// The apps as webhooks need them.
    pub fn signers(&self) -> Vec<Signer> {
        self.read(|ids| {
            let apps = self.apps.iter().enumerate();
            apps.map(|(place, app)| Signer {
                id: ids.apps.get(&place).copied(),
                name: app.name.clone(),
                secret: app.secret.clone(),
                verify_token_hash: token_hash(&app.verify_token),
            })
            .collect()
        })
    }

    /// Site and token of a registered account.
    pub fn token(&self, account: Uuid) -> Option<(Uuid, Secret)> {
        self.read(|ids| ids.tokens.get(&account).cloned())
    }

    /// Tells the database about all of it once. What one number is refused does not keep the others out.
    pub async fn register(&self, db: &Db) -> Pass {
        let mut pass = Pass::Complete;
        for (place, app) in self.apps.iter().enumerate() {
            if let Err(refused) = self.register_app(db, place).await {
                complain(app, None, &refused);
                pass = pass.then(refused.failure());
                continue;
            }
            for account in &app.accounts {
                for number in &account.numbers {
                    if let Err(refused) = self.register_number(db, place, account, number).await {
                        complain(app, Some(number), &refused);
                        pass = pass.then(refused.failure());
                    }
                }
            }
        }
        pass
    }

    async fn register_app(&self, db: &Db, place: usize) -> Result<(), DbError> {
        let told = self.registration(&self.apps[place], None, None);
        self.note(place, &db.register_whatsapp(&told).await?, None);
        Ok(())
    }

    async fn register_number(
        &self,
        db: &Db,
        place: usize,
        account: &Account,
        number: &str,
    ) -> Result<(), DbError> {
        let told = self.registration(&self.apps[place], Some(account), Some(number));
        let registered = db.register_whatsapp(&told).await?;
        self.note(place, &registered, Some(account));
        if let Some(id) = registered.account
            && !account.access_token.is_empty()
        {
            db.token_in_use(id, &sealed::mark_of(&account.access_token))
                .await?;
        }
        Ok(())
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

    /// The database took an app, or a number of an account.
    pub(super) fn note(&self, place: usize, registered: &Registered, account: Option<&Account>) {
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
    pub fn then(self, failure: Failure) -> Self {
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

    #[test]
    fn a_refusal_lets_the_queue_start_and_a_database_that_is_away_does_not() {
        assert_eq!(Pass::Complete.then(Failure::Data), Pass::Refused);
        assert_eq!(Pass::Refused.then(Failure::Passing), Pass::Interrupted);
        assert_eq!(Pass::Interrupted.then(Failure::Fault), Pass::Interrupted);
    }
}
