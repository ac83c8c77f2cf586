//! `/phones`: what each phone shows, for people. One page without outside resources
//! that asks `/control/phones` again every second.

use axum::http::header;
use axum::response::{Html, IntoResponse};

/// The page; it may run its own script and talk to its own origin, nothing else.
pub(super) async fn phones() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                  connect-src 'self'";
    (
        [(header::CONTENT_SECURITY_POLICY, policy)],
        Html(include_str!("phones.html")),
    )
}
