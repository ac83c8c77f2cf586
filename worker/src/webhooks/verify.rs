//! Is it Meta? The challenge when a webhook is set up, and the signature of every delivery.
//!
//! The signature is over the bytes as they came: serialised again, a text with accents or slashes has others. One
//! address may serve several apps, so each app's secret is tried; the one that fits says whose delivery it is.

use crate::config::App;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Carries `sha256=` and 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

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
pub fn answer<'a>(apps: &[App], asked: &'a Challenge) -> Option<&'a str> {
    if asked.mode.as_deref() != Some("subscribe") {
        return None;
    }
    let token = asked.verify_token.as_deref()?.as_bytes();
    // Every app is compared, so that the time taken does not tell which one was near.
    let known = apps
        .iter()
        .filter(|app| !app.verify_token.is_empty())
        .fold(subtle::Choice::from(0), |known, app| {
            known | app.verify_token.expose().as_bytes().ct_eq(token)
        });
    bool::from(known).then_some(asked.challenge.as_deref()?)
}

/// The app, by its place, whose secret signed `body`.
pub fn signer(apps: &[App], header: Option<&[u8]>, body: &[u8]) -> Result<usize, Refused> {
    if apps.is_empty() {
        return Err(Refused::NoApp);
    }
    let signature = unhex(header.ok_or(Refused::Missing)?).ok_or(Refused::Malformed)?;
    apps.iter()
        .position(|app| is_signed(app, &signature, body))
        .ok_or(Refused::Mismatch)
}

/// Compares in constant time. An empty secret signs nothing.
fn is_signed(app: &App, signature: &[u8; 32], body: &[u8]) -> bool {
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
    use crate::secret::Secret;

    fn app(secret: &str, verify_token: &str) -> App {
        App {
            name: secret.to_owned(),
            app_id: String::new(),
            secret: Secret::new(secret),
            verify_token: Secret::new(verify_token),
            accounts: Vec::new(),
        }
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
        assert_eq!(signer(&apps, Some(SIGNED), BODY), Ok(1));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let apps = [app("Jefe", "")];
        assert_eq!(signer(&[], Some(SIGNED), BODY), Err(Refused::NoApp));
        assert_eq!(signer(&apps, None, BODY), Err(Refused::Missing));
        assert_eq!(
            signer(&apps, Some(b"sha1=00"), BODY),
            Err(Refused::Malformed)
        );
        assert_eq!(
            signer(&apps, Some(&SIGNED[..70]), BODY),
            Err(Refused::Malformed)
        );
        assert_eq!(
            signer(&apps, Some(SIGNED), b"What do ya want for nothing?"),
            Err(Refused::Mismatch)
        );
        assert_eq!(
            signer(&[app("jefe", "")], Some(SIGNED), BODY),
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
            signer(&[app("", "")], Some(header.as_bytes()), BODY),
            Err(Refused::Mismatch)
        );
    }

    #[test]
    fn a_challenge_is_answered_for_a_known_token_only() {
        let apps = [app("a", "one"), app("b", "two"), app("c", "")];
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
