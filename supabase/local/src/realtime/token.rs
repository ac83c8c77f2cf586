//! Tokens, as Realtime judges them: a good signature, a role, and a whole number `exp`.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::keys::JwtSecret;

/// What a token of the project claims.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claims {
    /// All of it, as policies see it.
    pub(super) all: Value,
    /// The database role to ask as.
    pub(super) role: String,
    /// Seconds since 1970.
    pub(super) expires: i64,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadToken {
    Expired { seconds_ago: i64 },
    NoRoleOrExpiry,
    Malformed,
    Signature,
}

impl Claims {
    /// Judges `token` as of `now`, in seconds since 1970.
    pub(super) fn of(secret: &JwtSecret, token: &str, now: i64) -> Result<Self, BadToken> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_secret(secret.reveal().as_bytes());
        let all = jsonwebtoken::decode::<Value>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => BadToken::Signature,
                _ => BadToken::Malformed,
            })?
            .claims;
        let (Some(role), Some(expires)) = (all["role"].as_str(), all["exp"].as_i64()) else {
            return Err(BadToken::NoRoleOrExpiry);
        };
        if expires <= now {
            return Err(BadToken::Expired {
                seconds_ago: now - expires,
            });
        }
        let role = role.to_owned();
        Ok(Self { all, role, expires })
    }
}

impl BadToken {
    /// As it is said to a socket that wants to open.
    pub(super) fn at_the_door(self) -> &'static str {
        match self {
            Self::Expired { .. } => "Token has expired",
            Self::NoRoleOrExpiry => "Fields `role` and `exp` are required in JWT",
            Self::Malformed => "The token provided is not a valid JWT",
            Self::Signature => "Failed to validate JWT signature",
        }
    }

    /// As it is said to a channel that wants to be joined.
    pub(super) fn at_a_join(self) -> String {
        let code = match self {
            Self::Expired { .. } | Self::NoRoleOrExpiry => "InvalidJWTToken",
            Self::Malformed => "MalformedJWT",
            Self::Signature => "JwtSignatureError",
        };
        format!("{code}: {}", self.in_words())
    }

    /// As it is said on a channel that was joined.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Expired { seconds_ago } => format!("Token has expired {seconds_ago} seconds ago"),
            other => other.at_the_door().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_needs_a_signature_a_role_and_an_expiry_ahead() {
        let secret = JwtSecret::random();
        let judge = |claims: Value| Claims::of(&secret, &secret.sign(&claims), 1000);
        let good = json!({ "role": "anon", "exp": 1001, "sub": "x" });
        let claims = judge(good.clone()).unwrap();
        assert_eq!((claims.role.as_str(), claims.expires), ("anon", 1001));
        assert_eq!(claims.all, good);
        assert_eq!(
            judge(json!({ "role": "anon", "exp": 993 })),
            Err(BadToken::Expired { seconds_ago: 7 })
        );
        for lacking in [
            json!({ "exp": 1001 }),
            json!({ "role": "anon" }),
            json!({ "role": "anon", "exp": "1001" }),
        ] {
            assert_eq!(judge(lacking), Err(BadToken::NoRoleOrExpiry));
        }
        let foreign = JwtSecret::random().sign(&good);
        assert_eq!(
            Claims::of(&secret, &foreign, 1000),
            Err(BadToken::Signature)
        );
        assert_eq!(Claims::of(&secret, "a.b.c", 1000), Err(BadToken::Malformed));
    }
}
