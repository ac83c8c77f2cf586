//! The project's JSON Web Tokens: HS256 by one secret, as Supabase's legacy keys.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The secret that signs and verifies every token of a stack.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JwtSecret(String);

impl JwtSecret {
    /// A new one: 32 random bytes in hex.
    pub fn random() -> Self {
        Self(random_hex::<32>())
    }

    /// One that is known already.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for those that must be told.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Signs `claims`.
    pub fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            claims,
            &EncodingKey::from_secret(self.0.as_bytes()),
        )
        .expect("an HMAC over a JSON value cannot fail")
    }

    /// The key of an API role (`anon`, `service_role`), good for ten years from
    /// `now` (seconds since 1970).
    pub fn api_key(&self, role: &str, now: i64) -> String {
        self.sign(
            &json!({ "iss": "supabase", "role": role, "iat": now, "exp": now + 10 * 365 * 86_400 }),
        )
    }

    /// The claims of a token we signed that has not expired; else none.
    pub fn verify<T: DeserializeOwned + Clone>(&self, token: &str) -> Option<T> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(self.0.as_bytes());
        jsonwebtoken::decode(token, &key, &validation)
            .ok()
            .map(|data| data.claims)
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

/// `N` random bytes in hex.
pub fn random_hex<const N: usize>() -> String {
    rand::random::<[u8; N]>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_unexpired_tokens_are_good() {
        let secret = JwtSecret::random();
        let now = jiff::Timestamp::now().as_second();
        let key = secret.api_key("anon", now);
        assert_eq!(secret.verify::<Value>(&key).unwrap()["role"], "anon");
        assert!(JwtSecret::random().verify::<Value>(&key).is_none());
        let old = secret.sign(&json!({ "role": "anon", "exp": now - 3600 }));
        assert!(secret.verify::<Value>(&old).is_none());
    }

    #[test]
    fn the_secret_does_not_reach_logs() {
        assert_eq!(format!("{:?}", JwtSecret::new("s3cret")), "JwtSecret(…)");
    }
}
