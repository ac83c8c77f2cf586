//! Secrets that the database keeps and cannot read.
//!
//! Whoever gives a secret seals it with the worker's public key before it leaves their machine; only the private key
//! opens it. What is stored is an envelope:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | key id: the first bytes of SHA-256 over the public key |
//! | the rest | `crypto_box_seal` of libsodium (X25519, XSalsa20-Poly1305) of the secret's UTF-8 text |
//!
//! The key id lets the database refuse what is not sealed, or sealed for a key that nobody knows; it is no secret.

use crate::secret::Secret;
use base64::{Engine, engine::general_purpose::STANDARD};
use crypto_box::{PublicKey, SecretKey, aead::OsRng};
use sha2::{Digest, Sha256};
use std::fmt;

/// First byte of every envelope.
const VERSION: u8 = 1;
/// Bytes before the box.
const HEAD: usize = 1 + KEY_ID;
/// Bytes of a key id.
const KEY_ID: usize = 8;
/// Bytes of a key, private or public.
const KEY: usize = 32;

/// Why a key or an envelope is of no use. No variant holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not 32 bytes in base64.
    #[error("{0} is not a key; `worker keygen` makes one")]
    NotAKey(&'static str),
    /// Not an envelope at all.
    #[error("this is not sealed; `worker seal` seals a secret")]
    NotSealed,
    /// Sealed for somebody else.
    #[error("it is sealed for the key {sealed_for}, and this worker has {own}")]
    OtherKey {
        /// Key id of the envelope.
        sealed_for: String,
        /// Key ids that this worker has, or "none".
        own: String,
    },
    /// The right key, and yet it does not open.
    #[error("it is sealed for this worker's key and does not open: it was changed or cut off")]
    Broken,
}

/// Who can be sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey(PublicKey);

impl SealingKey {
    /// From base64, as `worker keygen` and `chat_worker_key` show it.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        Ok(Self(PublicKey::from(key_bytes(text, "the public key")?)))
    }

    /// The 32 bytes in base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    /// 16 hexadecimal digits that name it.
    pub fn id(&self) -> String {
        hex(&self.id_bytes())
    }

    /// The envelope, in base64, of a secret that only the private key opens.
    pub fn seal(&self, secret: &Secret) -> Result<String, SealError> {
        let sealed = self
            .0
            .seal(&mut OsRng, secret.expose().as_bytes())
            .map_err(|_| SealError::Broken)?;
        let mut envelope = Vec::with_capacity(HEAD + sealed.len());
        envelope.push(VERSION);
        envelope.extend(self.id_bytes());
        envelope.extend(sealed);
        Ok(STANDARD.encode(envelope))
    }

    fn id_bytes(&self) -> [u8; KEY_ID] {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&Sha256::digest(self.0.as_bytes())[..KEY_ID]);
        id
    }
}

/// What opens.
#[derive(Clone)]
pub struct OpeningKey {
    key: SecretKey,
    public: SealingKey,
}

impl OpeningKey {
    /// A new one.
    pub fn generate() -> Self {
        Self::of(SecretKey::generate(&mut OsRng))
    }

    /// From base64. `name` is the setting that it came from.
    pub fn parse(text: &Secret, name: &'static str) -> Result<Self, SealError> {
        Ok(Self::of(SecretKey::from(key_bytes(text.expose(), name)?)))
    }

    fn of(key: SecretKey) -> Self {
        let public = SealingKey(key.public_key());
        Self { key, public }
    }

    /// The half that may be shown.
    pub fn public(&self) -> &SealingKey {
        &self.public
    }

    /// The 32 bytes in base64, for whoever keeps them.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.key.to_bytes()))
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKey({}, hidden)", self.public.id())
    }
}

/// The keys of a worker: its own, and the one before while secrets are sealed anew.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Vec<OpeningKey>);

impl KeyRing {
    /// Its own key first.
    pub fn new(keys: impl IntoIterator<Item = OpeningKey>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// The key that clients are to seal for.
    pub fn own(&self) -> Option<&OpeningKey> {
        self.0.first()
    }

    /// Opens an envelope in base64.
    pub fn open(&self, envelope: &str) -> Result<Secret, SealError> {
        let bytes = STANDARD
            .decode(envelope)
            .map_err(|_| SealError::NotSealed)?;
        let (head, sealed) = bytes
            .split_at_checked(HEAD)
            .filter(|(head, _)| head[0] == VERSION)
            .ok_or(SealError::NotSealed)?;
        let key = self
            .0
            .iter()
            .find(|key| key.public.id_bytes() == head[1..])
            .ok_or_else(|| SealError::OtherKey {
                sealed_for: hex(&head[1..]),
                own: self.ids(),
            })?;
        let opened = key.key.unseal(sealed).map_err(|_| SealError::Broken)?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| SealError::Broken)
    }

    fn ids(&self) -> String {
        let ids: Vec<String> = self.0.iter().map(|key| key.public.id()).collect();
        if ids.is_empty() {
            return "none (set CHAT_SECRETS_PRIVATE_KEY)".to_owned();
        }
        ids.join(" and ")
    }
}

/// The first 16 hexadecimal digits of a token's SHA-256: enough to see that it is another one, and nothing to learn.
pub fn mark_of(token: &Secret) -> String {
    hex(&Sha256::digest(token.expose().as_bytes())[..KEY_ID])
}

fn key_bytes(text: &str, name: &'static str) -> Result<[u8; KEY], SealError> {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(SealError::NotAKey(name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(key: &OpeningKey) -> KeyRing {
        KeyRing::new([key.clone()])
    }

    #[test]
    fn what_is_sealed_opens_with_the_one_key_only() {
        let (key, other) = (OpeningKey::generate(), OpeningKey::generate());
        let secret = Secret::new("EAAG token ü");
        let envelope = key.public().seal(&secret).unwrap();
        assert_eq!(ring(&key).open(&envelope).unwrap(), secret);
        assert_eq!(
            KeyRing::new([other.clone(), key.clone()])
                .open(&envelope)
                .unwrap(),
            secret,
            "the key before opens, too"
        );
        assert_eq!(
            ring(&other).open(&envelope).unwrap_err(),
            SealError::OtherKey {
                sealed_for: key.public().id(),
                own: other.public().id()
            }
        );
        assert!(matches!(
            KeyRing::default().open(&envelope).unwrap_err(),
            SealError::OtherKey { .. }
        ));
    }

    #[test]
    fn the_same_secret_is_never_sealed_the_same_way() {
        let key = OpeningKey::generate();
        let secret = Secret::new("s");
        assert_ne!(
            key.public().seal(&secret).unwrap(),
            key.public().seal(&secret).unwrap()
        );
    }

    #[test]
    fn a_changed_or_cut_envelope_does_not_open() {
        let key = OpeningKey::generate();
        let envelope = key.public().seal(&Secret::new("secret")).unwrap();
        let mut bytes = STANDARD.decode(&envelope).unwrap();
        let cut = STANDARD.encode(&bytes[..bytes.len() - 1]);
        *bytes.last_mut().unwrap() ^= 1;
        for broken in [STANDARD.encode(&bytes), cut] {
            assert_eq!(ring(&key).open(&broken).unwrap_err(), SealError::Broken);
        }
        for plain in ["", "EAAGplainToken", "AQ==", "not base64!"] {
            assert_eq!(ring(&key).open(plain).unwrap_err(), SealError::NotSealed);
        }
    }

    /// The box was made with libsodium's `crypto_box_seal` for a private key of 32 bytes 7.
    #[test]
    fn what_libsodium_sealed_is_opened() {
        let key = OpeningKey::parse(&Secret::new(STANDARD.encode([7; KEY])), "k").unwrap();
        assert_eq!(
            key.public().to_base64(),
            "E75P6uryBMf9M1j8nAByGIHRdCeBKCJ+xnTzf3/pe20="
        );
        let envelope = "AQ9tJVP/DA9EyqOJCsGUkzTb50N7QvRxAGgx4uhHYS1ML7WtNPxi1wZBXBJwFErz\
                        VGPyoejP2Xo2Ka7a57VEUxAiMp1TKs76vnobS3G7Tg==";
        assert_eq!(
            ring(&key).open(envelope).unwrap().expose(),
            "EAAG from libsodium ü"
        );
    }

    #[test]
    fn keys_survive_their_text_and_say_nothing_in_debug() {
        let key = OpeningKey::generate();
        let text = key.to_base64();
        let again = OpeningKey::parse(&text, "k").unwrap();
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(text.expose()));
        assert_eq!(
            SealingKey::parse(&key.public().to_base64()).unwrap().id(),
            key.public().id()
        );
        assert_eq!(
            OpeningKey::parse(&Secret::new("short"), "secrets.private_key").unwrap_err(),
            SealError::NotAKey("secrets.private_key")
        );
    }
}
