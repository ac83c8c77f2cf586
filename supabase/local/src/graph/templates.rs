//! `GET /{version}/{waba_id}/message_templates`: the templates, a page at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::line::Line;
use super::nodes::{Fields, check_version, pick, visible_account};
use super::send::read_fault;
use super::tokens::authorize;
use super::{Refusal, Simulator, Template};

/// Entries of a page when nobody says how many.
const DEFAULT_LIMIT: usize = 25;

/// Which page, and of what.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    limit: Option<usize>,
    after: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

/// The page that was asked for. Its cursors are there on the last page, too; only `next` says that there is more.
pub(super) async fn message_templates(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((version, waba_id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Query(fields): Query<Fields>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    if let Some(answer) = read_fault(&simulator, &line, &waba_id).await? {
        return Ok(answer);
    }
    visible_account(&simulator, &token, &waba_id)
        .ok_or_else(|| Refusal::no_such_object("get", &waba_id))?;
    let listed: Vec<Template> = simulator.templates();
    let wanted = |template: &&Template| {
        asked
            .name
            .as_ref()
            .is_none_or(|name| *name == template.name)
            && asked
                .status
                .as_ref()
                .is_none_or(|status| status == template.status.word())
    };
    let listed: Vec<&Template> = listed.iter().filter(wanted).collect();
    let start = asked
        .after
        .as_deref()
        .map_or(Ok(0), place)?
        .min(listed.len());
    let end = (start + asked.limit.unwrap_or(DEFAULT_LIMIT).max(1)).min(listed.len());
    let nodes: Result<Vec<Value>, Refusal> = listed[start..end]
        .iter()
        .map(|template| pick(node(template), &fields, DEFAULTS, "MessageTemplate"))
        .collect();
    let mut paging = json!({"cursors": {"before": cursor(start), "after": cursor(end)}});
    if end < listed.len() {
        let path = uri.path();
        let limit = end - start;
        let after = cursor(end);
        paging["next"] = json!(format!(
            "https://graph.facebook.com{path}?limit={limit}&after={after}"
        ));
    }
    Ok(Json(json!({"data": nodes?, "paging": paging})).into_response())
}

const DEFAULTS: &[&str] = &[
    "id",
    "name",
    "language",
    "status",
    "category",
    "components",
    "parameter_format",
];

fn node(template: &Template) -> Value {
    let key = format!("{}/{}", template.name, template.language);
    // Meta's ids are numbers that mean nothing; the same template keeps its own.
    let id = key.bytes().fold(1_000_000_007_u64, |id, byte| {
        id.wrapping_mul(31).wrapping_add(byte.into())
    });
    let rejected = if template.status.word() == "REJECTED" {
        "INVALID_FORMAT"
    } else {
        "NONE"
    };
    json!({
        "id": id.to_string(),
        "name": template.name,
        "language": template.language,
        "status": template.status.word(),
        "category": template.category.to_uppercase(),
        "components": template.components,
        "parameter_format": if template.named { "NAMED" } else { "POSITIONAL" },
        "quality_score": {"score": "GREEN", "date": 1_760_000_000},
        "rejected_reason": rejected,
    })
}

fn cursor(place: usize) -> String {
    URL_SAFE_NO_PAD.encode(place.to_string())
}

fn place(cursor: &str) -> Result<usize, Refusal> {
    let read = URL_SAFE_NO_PAD.decode(cursor).ok();
    let read = read.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    read.ok_or_else(|| Refusal::parameter("Invalid cursors values"))
}
