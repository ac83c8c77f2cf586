//! `/demo/visitor` and `/demo/agent`: two pages to try a chat on (`web/demo`), beside Supabase's own paths on the same
//! origin. `cargo x demo`, `up` and `test` build them with Node; as long as that was not done each says so.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use uuid::Uuid;

/// Where the built pages lie, from the clone's root.
const BUILT: &str = "web/demo/dist";

/// What is served: the path below `/demo/`, its file, and what that is.
const FILES: &[(&str, &str, &str)] = &[
    ("visitor", "visitor.html", "text/html; charset=utf-8"),
    ("agent", "agent.html", "text/html; charset=utf-8"),
    ("visitor.js", "visitor.js", "text/javascript"),
    ("agent.js", "agent.js", "text/javascript"),
    ("demo.css", "demo.css", "text/css"),
];

/// The pages run their own script, talk to their own origin and show pictures, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: https:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The pages of one site.
#[derive(Clone, Debug)]
pub struct DemoPages {
    folder: PathBuf,
    anon_key: String,
    site: Uuid,
}

impl DemoPages {
    /// Those of the clone at `root`, for a site and with the project's key of role `anon`.
    pub fn of(root: &std::path::Path, anon_key: String, site: Uuid) -> Self {
        Self {
            folder: root.join(BUILT),
            anon_key,
            site,
        }
    }

    /// Their routes, below `/demo/`.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/demo/settings.json", get(settings))
            .route("/demo/{file}", get(file))
            .with_state(Arc::new(self))
    }
}

/// What a page needs to know; nothing of it is a secret.
async fn settings(State(pages): State<Arc<DemoPages>>) -> impl IntoResponse {
    Json(json!({ "anonKey": pages.anon_key, "siteId": pages.site }))
}

async fn file(State(pages): State<Arc<DemoPages>>, Path(asked): Path<String>) -> Response {
    let Some((_, file, mime_type)) = FILES.iter().find(|(path, ..)| *path == asked) else {
        let known = "the demo has /demo/visitor and /demo/agent\n";
        return (StatusCode::NOT_FOUND, known).into_response();
    };
    let Ok(bytes) = tokio::fs::read(pages.folder.join(file)).await else {
        let advice = "This page is not built: install Node 20 or newer with npm, and start again with \
                      `cargo x demo` or `cargo x up`.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, advice).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(mime_type)),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        // Built anew it is another.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(root: &std::path::Path, name: &str) -> Response {
        let pages = DemoPages::of(root, "key".to_owned(), Uuid::nil());
        file(State(Arc::new(pages)), Path(name.to_owned())).await
    }

    #[tokio::test]
    async fn a_page_that_is_not_built_says_what_builds_it_and_nothing_else_is_served() {
        let root = tempfile::tempdir().expect("a folder");
        let dist = root.path().join(BUILT);
        std::fs::create_dir_all(&dist).expect("its folder");
        std::fs::write(dist.join("visitor.html"), "<p>").expect("a page");
        std::fs::write(dist.join("secret"), "").expect("a file");
        let built = asked(root.path(), "visitor").await;
        assert_eq!(built.status(), StatusCode::OK);
        assert!(
            built
                .headers()
                .contains_key(header::CONTENT_SECURITY_POLICY)
        );
        let missing = asked(root.path(), "agent").await;
        assert_eq!(missing.status(), StatusCode::SERVICE_UNAVAILABLE);
        for name in ["secret", "visitor.html", "../dist/visitor", ""] {
            assert_eq!(
                asked(root.path(), name).await.status(),
                StatusCode::NOT_FOUND,
                "{name}"
            );
        }
    }
}
