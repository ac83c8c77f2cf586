//! The REST double: `postrust-server` behind a thin layer that makes it answer
//! as PostgREST does where supabase-js would notice.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::middleware::{self, Next};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postrust_core::AppConfig;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::keys::JwtSecret;
use crate::server::Server;

/// Connects to `database` and builds the routes that stand under `/rest/v1`.
pub async fn router(server: &Server, database: &str, secret: &JwtSecret) -> Result<Router> {
    let config = AppConfig::try_from_vars([
        (
            "PGRST_DB_URI",
            server.url("authenticator", database).as_str(),
        ),
        ("PGRST_DB_SCHEMAS", "public"),
        ("PGRST_DB_EXTRA_SEARCH_PATH", "public,extensions"),
        ("PGRST_DB_ANON_ROLE", "anon"),
        ("PGRST_DB_MAX_ROWS", "1000"),
        ("PGRST_DB_CHANNEL_ENABLED", "true"),
        ("PGRST_JWT_SECRET", secret.reveal()),
        ("PGRST_COMPAT_MODE", "true"),
        // PostgREST reads these from `alter role … set`, this server does not.
        (
            "PGRST_ROLE_SETTINGS",
            r#"{"anon":{"statement_timeout":3000},"authenticated":{"statement_timeout":8000}}"#,
        ),
    ])
    .map_err(|error| Error::Rest(error.to_string()))?;
    let app = postrust_server::build(config, postrust_server::Host::SERVER)
        .await
        .map_err(|error| Error::Rest(format!("{error:#}")))?;
    // The layer stands around the whole router: it must change the address
    // before routes are matched and see answers that no route made.
    Ok(Router::new()
        .fallback_service(app.router)
        .layer(middleware::from_fn(as_postgrest)))
}

async fn as_postgrest(mut request: Request, next: Next) -> Response<Body> {
    *request.uri_mut() = with_query_as_sent(request.uri());
    let key = request
        .headers()
        .get("apikey")
        .and_then(|key| key.to_str().ok());
    if let Some(key) = key.filter(|_| !request.headers().contains_key(AUTHORIZATION))
        && let Ok(value) = HeaderValue::from_str(&format!("Bearer {key}"))
    {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let role = role_of(request.headers());
    let mut response = next.run(request).await;
    // One policy for the whole origin answers for these (see `api`).
    let cors: Vec<_> = response
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cors {
        response.headers_mut().remove(name);
    }
    if response.status() == StatusCode::UNAUTHORIZED && role != "anon" {
        return forbidden_if_refused_by_database(response).await;
    }
    response
}

/// The query string as PostgREST would read it: `+` is a blank, and the quotes
/// that supabase-js puts around names in `columns=` do not belong to them.
fn with_query_as_sent(uri: &Uri) -> Uri {
    let Some(query) = uri.query() else {
        return uri.clone();
    };
    let parts: Vec<String> = query
        .split('&')
        .map(|part| {
            let part = part.replace('+', "%20");
            if part.starts_with("columns=") {
                part.replace("%22", "").replace('"', "")
            } else {
                part
            }
        })
        .collect();
    format!("{}?{}", uri.path(), parts.join("&"))
        .parse()
        .unwrap_or_else(|_| uri.clone())
}

/// The role a token asks for. Unverified: it only picks between two refusals.
fn role_of(headers: &HeaderMap) -> String {
    let claims = || -> Option<Value> {
        let token = headers
            .get(AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    };
    claims()
        .and_then(|claims| Some(claims["role"].as_str()?.to_owned()))
        .unwrap_or_else(|| "anon".to_owned())
}

/// PostgREST answers a missing privilege (42501) with 401 to `anon` only; others
/// are known and get 403.
async fn forbidden_if_refused_by_database(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, REFUSAL_LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!("a refusal of the REST double could not be read: {error}");
            parts.status = StatusCode::BAD_GATEWAY;
            return Response::from_parts(parts, Body::empty());
        }
    };
    if refused_by_database(&bytes) {
        parts.status = StatusCode::FORBIDDEN;
        parts.headers.remove("www-authenticate");
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn refused_by_database(body: &Bytes) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|error| error["code"] == "42501")
}

/// Bytes of an error body that are looked at; the database's errors are shorter.
const REFUSAL_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_as_postgrest_reads_it() {
        let uri = |text: &str| with_query_as_sent(&text.parse().unwrap()).to_string();
        assert_eq!(
            uri("/t?name=eq.Ada+L&x=eq.%22a%22"),
            "/t?name=eq.Ada%20L&x=eq.%22a%22"
        );
        assert_eq!(uri("/t?columns=%22a%22%2C%22b%22"), "/t?columns=a%2Cb");
        assert_eq!(uri("/t"), "/t");
    }

    #[test]
    fn a_request_without_a_readable_token_is_anonymous() {
        let mut headers = HeaderMap::new();
        assert_eq!(role_of(&headers), "anon");
        let token = JwtSecret::random().sign(&serde_json::json!({ "role": "authenticated" }));
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        assert_eq!(role_of(&headers), "authenticated");
    }
}
