//! Apps and accounts that people saved in the database, opened with the worker's key.

use crate::{
    db::SavedSecrets,
    sealed::{KeyRing, SealError},
    secret::Secret,
    webhooks::verify::Signer,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::collections::HashMap;
use uuid::Uuid;

/// What was read last. Secrets are open in here.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    /// As the database names this state of it; empty before the first look.
    pub version: String,
    /// Apps whose secret could be opened.
    pub apps: Vec<Signer>,
    /// Accounts whose token people saved.
    pub tokens: HashMap<Uuid, Held>,
    /// App of each confirmed number, of configured ones too.
    pub numbers: HashMap<String, Uuid>,
}

/// The token of an account, or why it could not be opened.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub site: Uuid,
    pub mark: String,
    pub token: Result<Secret, SealError>,
}

impl Saved {
    /// Opens what can be opened, and says of the rest why not.
    pub fn open(read: SavedSecrets, keys: &KeyRing) -> (Self, Vec<String>) {
        let mut saved = Self {
            version: read.version,
            ..Self::default()
        };
        let mut complaints = Vec::new();
        for app in read.apps.unwrap_or_default() {
            match keys.open(&app.secret) {
                Ok(secret) => saved.apps.push(Signer {
                    id: Some(app.id),
                    name: app.name,
                    secret,
                    verify_token_hash: app.verify_token_hash.as_deref().and_then(hash),
                }),
                Err(why) => complaints.push(format!(
                    "the secret of app {} cannot be opened, so its webhooks are refused: {why}",
                    app.id
                )),
            }
        }
        for account in read.accounts.unwrap_or_default() {
            for number in account.numbers {
                saved.numbers.insert(number, account.app);
            }
            let Some(sealed) = account.token else {
                continue;
            };
            let token = keys.open(&sealed);
            if let Err(why) = &token {
                complaints.push(format!(
                    "the access token of account {} cannot be opened, so its messages wait: {why}",
                    account.id
                ));
            }
            let held = Held {
                site: account.site_id,
                mark: account.mark.unwrap_or_default(),
                token,
            };
            saved.tokens.insert(account.id, held);
        }
        (saved, complaints)
    }
}

fn hash(base64: &str) -> Option<[u8; 32]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{SavedAccount, SavedApp},
        sealed::OpeningKey,
    };

    #[test]
    fn what_another_key_is_needed_for_is_said_and_the_rest_works() {
        let (own, other) = (OpeningKey::generate(), OpeningKey::generate());
        let account = |key: &OpeningKey, number: &str| SavedAccount {
            id: Uuid::new_v4(),
            site_id: Uuid::new_v4(),
            app: Uuid::new_v4(),
            token: Some(key.public().seal(&Secret::new("token")).unwrap()),
            mark: Some("mark".to_owned()),
            numbers: vec![number.to_owned()],
        };
        let (mine, foreign) = (account(&own, "1"), account(&other, "2"));
        let (my_id, foreign_id) = (mine.id, foreign.id);
        let read = SavedSecrets {
            version: "v".to_owned(),
            apps: Some(vec![SavedApp {
                id: Uuid::new_v4(),
                name: "a".to_owned(),
                secret: other.public().seal(&Secret::new("secret")).unwrap(),
                verify_token_hash: None,
            }]),
            accounts: Some(vec![mine, foreign]),
        };
        let (saved, complaints) = Saved::open(read, &KeyRing::new([own]));
        assert!(
            saved.apps.is_empty(),
            "an app that cannot be opened signs nothing"
        );
        assert!(saved.tokens[&my_id].token.is_ok());
        assert!(saved.tokens[&foreign_id].token.is_err());
        assert_eq!(complaints.len(), 2);
        assert!(
            complaints
                .iter()
                .all(|words| words.contains(&other.public().id())),
            "{complaints:?}"
        );
        assert_eq!(saved.numbers.len(), 2);
    }
}
