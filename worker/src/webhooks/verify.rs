//! Is it Meta? The challenge when a webhook is set up, and the signature of every delivery.
//!
//! The signature is over the bytes as they came: serialised again, a text with accents or slashes has others. One
//! address may serve several apps, so each app's secret is tried; the one that fits says whose delivery it is. Several
//! may have the same secret (two sites that share an app at Meta); then it is each one's.

use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Carries `sha256=` and 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// An app, as far as its webhooks need it.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The database's id; none before the app is registered.
    pub id: Option<Uuid>,
    /// `environment`, its name in the configuration, or its id.
    pub name: String,
    /// What it signs with.
    pub secret: Secret,
    /// SHA-256 of what answers Meta's challenge; none answers none.
    pub verify_token_hash: Option<[u8; 32]>,
}

impl Signer {
    /// Whether an address of its own that ends in `name` is this app's.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.id.is_some_and(|id| id.to_string() == name)
    }
}

/// What is kept of a verify token; none of an empty one.
pub fn token_hash(token: &Secret) -> Option<[u8; 32]> {
    (!token.is_empty()).then(|| Sha256::digest(token.expose().as_bytes()).into())
}

/// The question that Meta asks before it delivers anything.
#[derive(Debug, Default, Deserialize)]
pub struct Challenge {
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    #[serde(rename = "hub.verify_token")]
    verify_token: Option<String>,
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
}

/// Why a delivery was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No app is configured, so nothing can be believed.
    NoApp,
    /// No signature header.
    Missing,
    /// A header of another form.
    Malformed,
    /// No configured secret fits. Usually the secret of another app.
    Mismatch,
}

impl Refused {
    /// The word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoApp => "no_app",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Mismatch => "mismatch",
        }
    }
}

/// What to answer to a challenge; none when the mode is another or no app has that token.
pub fn answer<'a>(apps: &[&Signer], asked: &'a Challenge) -> Option<&'a str> {
    if asked.mode.as_deref() != Some("subscribe") {
        return None;
    }
    let token: [u8; 32] = Sha256::digest(asked.verify_token.as_deref()?.as_bytes()).into();
    // Every app is compared, so that the time taken does not tell which one was near.
    let known = apps
        .iter()
        .filter_map(|app| app.verify_token_hash)
        .fold(subtle::Choice::from(0), |known, hash| {
            known | hash.ct_eq(&token)
        });
    bool::from(known).then_some(asked.challenge.as_deref()?)
}

/// The apps whose secret signed `body`; more than one when they share it.
pub fn signed_by<'a>(
    apps: &[&'a Signer],
    header: Option<&[u8]>,
    body: &[u8],
) -> Result<Vec<&'a Signer>, Refused> {
    if apps.is_empty() {
        return Err(Refused::NoApp);
    }
    let signature = unhex(header.ok_or(Refused::Missing)?).ok_or(Refused::Malformed)?;
    let first = apps
        .iter()
        .find(|app| is_signed(app, &signature, body))
        .ok_or(Refused::Mismatch)?;
    let sharing = apps.iter().filter(|app| app.secret == first.secret);
    Ok(sharing.copied().collect())
}

/// Compares in constant time. An empty secret signs nothing.
fn is_signed(app: &Signer, signature: &[u8; 32], body: &[u8]) -> bool {
    if app.secret.is_empty() {
        return false;
    }
    // HMAC takes a key of any length; the error is there for other MACs.
    Hmac::<Sha256>::new_from_slice(app.secret.expose().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

/// The 32 bytes of `sha256=<64 hexadecimal digits>`.
fn unhex(header: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = header.strip_prefix(b"sha256=")?.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(secret: &str, verify_token: &str) -> Signer {
        Signer {
            id: Some(Uuid::new_v4()),
            name: format!("{secret} {verify_token}"),
            secret: Secret::new(secret),
            verify_token_hash: token_hash(&Secret::new(verify_token)),
        }
    }

    /// Names of the apps that signed.
    fn signers(
        apps: &[Signer],
        header: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Vec<String>, Refused> {
        let apps: Vec<&Signer> = apps.iter().collect();
        signed_by(&apps, header, body).map(|by| by.iter().map(|app| app.name.clone()).collect())
    }

    fn challenge(mode: &str, token: &str) -> Challenge {
        Challenge {
            mode: Some(mode.into()),
            verify_token: Some(token.into()),
            challenge: Some("1158201444".into()),
        }
    }

    /// RFC 4231, test case 2.
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SIGNED: &[u8] =
        b"sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn the_signing_app_is_found_among_several() {
        let apps = [app("other", ""), app("Jefe", ""), app("third", "")];
        assert_eq!(
            signers(&apps, Some(SIGNED), BODY),
            Ok(vec!["Jefe ".to_owned()])
        );
    }

    #[test]
    fn apps_that_share_a_secret_sign_together() {
        let apps = [app("Jefe", "1"), app("other", ""), app("Jefe", "2")];
        assert_eq!(
            signers(&apps, Some(SIGNED), BODY),
            Ok(vec!["Jefe 1".to_owned(), "Jefe 2".to_owned()])
        );
    }

    #[test]
    fn an_app_is_called_by_its_name_or_its_id() {
        let app = app("Jefe", "");
        let id = app.id.unwrap().to_string();
        assert!(app.is_called("Jefe ") && app.is_called(&id));
        assert!(!app.is_called("") && !app.is_called(&id[1..]));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let apps = [app("Jefe", "")];
        assert_eq!(signers(&[], Some(SIGNED), BODY), Err(Refused::NoApp));
        assert_eq!(signers(&apps, None, BODY), Err(Refused::Missing));
        assert_eq!(
            signers(&apps, Some(b"sha1=00"), BODY),
            Err(Refused::Malformed)
        );
        assert_eq!(
            signers(&apps, Some(&SIGNED[..70]), BODY),
            Err(Refused::Malformed)
        );
        assert_eq!(
            signers(&apps, Some(SIGNED), b"What do ya want for nothing?"),
            Err(Refused::Mismatch)
        );
        assert_eq!(
            signers(&[app("jefe", "")], Some(SIGNED), BODY),
            Err(Refused::Mismatch)
        );
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mac = Hmac::<Sha256>::new_from_slice(b"")
            .unwrap()
            .chain_update(BODY)
            .finalize()
            .into_bytes();
        let header = mac.iter().fold("sha256=".to_owned(), |text, byte| {
            format!("{text}{byte:02x}")
        });
        assert_eq!(
            signers(&[app("", "")], Some(header.as_bytes()), BODY),
            Err(Refused::Mismatch)
        );
    }

    #[test]
    fn a_challenge_is_answered_for_a_known_token_only() {
        let apps = [app("a", "one"), app("b", "two"), app("c", "")];
        let apps: Vec<&Signer> = apps.iter().collect();
        assert_eq!(
            answer(&apps, &challenge("subscribe", "two")),
            Some("1158201444")
        );
        for wrong in [
            challenge("subscribe", "three"),
            challenge("subscribe", ""),
            challenge("unsubscribe", "one"),
        ] {
            assert_eq!(answer(&apps, &wrong), None);
        }
        assert_eq!(answer(&apps, &Challenge::default()), None);
    }
}
