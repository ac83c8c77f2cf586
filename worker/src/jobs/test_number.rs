//! `whatsapp.test_number`: everything a person wants to know of a number when nothing arrives or nothing leaves. Each
//! question is asked, whatever the others brought.

use super::{Context, GraphPayload, Outcome};
use crate::{
    apis::graph::{Answer, CallError, Caller},
    db::ClaimedJob,
    queue::lease::Lease,
};
use chat_rules::whatsapp::errors;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// What a token must be allowed to do.
const SCOPES: [&str; 2] = [
    "whatsapp_business_management",
    "whatsapp_business_messaging",
];

#[derive(Debug, Deserialize)]
struct Payload {
    number: Uuid,
    waba_id: String,
    meta_app_id: Option<String>,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Asks Graph and hands the result to the database.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    test(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended)
}

async fn test(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    let (result, details) = match super::token(context, job, &payload.graph) {
        Ok(token) => {
            let version = payload.graph.graph_version.as_deref();
            // Three calls within one lease.
            let caller = Caller {
                within: super::caller(&context.graph, &lease, version, &token.secret).within / 3,
                ..super::caller(&context.graph, &lease, version, &token.secret)
            };
            ask(context, caller, &payload).await
        }
        Err(retry @ Outcome::Retry { .. }) if job.tries < 3 => return Err(retry),
        Err(ended) => {
            let problem = json!({"ok": false, "problems": [ended.why()]});
            (problem, None)
        }
    };
    super::persist(lease.until, || {
        context
            .db
            .note_number_test(payload.number, &result, details.as_ref())
    })
    .await
    .map_err(|error| Outcome::Lost {
        why: error.to_string(),
    })?;
    Ok(Outcome::Done)
}

async fn ask(context: &Context, caller: Caller<'_>, payload: &Payload) -> (Value, Option<Value>) {
    let asked = &payload.graph.phone_number_id;
    let mut problems = Vec::new();
    let token = of_token(context.graph.debug_token(caller).await, &mut problems);
    let number = context.graph.number(caller, asked).await;
    let details = number.as_ref().ok().map(|answer| answer.body.clone());
    let number = of_number(number, asked, &mut problems);
    let apps = context
        .graph
        .subscribed_apps(caller, &payload.waba_id)
        .await;
    let mut subscription = of_subscription(apps, payload.meta_app_id.as_deref(), &mut problems);
    subscription["webhooks"] = details.as_ref().map_or(Value::Null, |details| {
        details["webhook_configuration"].clone()
    });
    let result = json!({
        "ok": problems.is_empty(), "token": token, "number": number, "subscription": subscription,
        "problems": problems,
    });
    (result, details.filter(|_| number["ok"] == true))
}

/// Graph's word on the token. Where it may not be asked about, that is no fault: the other questions tell.
fn of_token(answer: Result<Answer, CallError>, problems: &mut Vec<String>) -> Value {
    let data = match answer {
        Ok(answer) => answer.body["data"].clone(),
        Err(error) => return json!({"ok": null, "why": in_words(&error)}),
    };
    if data["is_valid"] != true {
        problems.push(errors::explain(190).title.to_owned());
    }
    let has = |scope: &&str| {
        data["scopes"]
            .as_array()
            .is_some_and(|scopes| scopes.iter().any(|one| one == scope))
    };
    let missing: Vec<&str> = SCOPES.into_iter().filter(|scope| !has(scope)).collect();
    if data["is_valid"] == true && !missing.is_empty() {
        problems.push(format!("The token lacks {}", missing.join(" and ")));
    }
    json!({
        "ok": data["is_valid"] == true && missing.is_empty(), "expires_at": data["expires_at"],
        "scopes": data["scopes"], "missing": missing,
    })
}

fn of_number(answer: Result<Answer, CallError>, asked: &str, problems: &mut Vec<String>) -> Value {
    let body = match answer {
        Ok(answer) if answer.body["id"] == asked => answer.body,
        Ok(_) => {
            problems.push("Graph answered for another number".to_owned());
            return json!({"ok": false});
        }
        Err(error) => {
            problems.push(in_words(&error));
            return json!({"ok": false, "why": in_words(&error)});
        }
    };
    json!({
        "ok": true, "quality": body["quality_rating"], "throughput": body["throughput"]["level"],
        "limit": body["whatsapp_business_manager_messaging_limit"], "name_status": body["name_status"],
        "display_number": body["display_phone_number"], "verified_name": body["verified_name"],
    })
}

fn of_subscription(
    answer: Result<Answer, CallError>,
    own: Option<&str>,
    problems: &mut Vec<String>,
) -> Value {
    let body = match answer {
        Ok(answer) => answer.body,
        Err(error) => {
            problems.push(in_words(&error));
            return json!({"ok": false, "why": in_words(&error)});
        }
    };
    let apps: Vec<&str> = body["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|app| app["whatsapp_business_api_data"]["id"].as_str())
        .collect();
    let ok = own.map_or(!apps.is_empty(), |own| apps.contains(&own));
    if !ok {
        problems.push("The app is not subscribed to the account, so nothing arrives".to_owned());
    }
    json!({"ok": ok, "apps": apps})
}

fn in_words(error: &CallError) -> String {
    match error {
        CallError::Refused(refusal) => {
            let code = super::effective_code(refusal);
            code.map_or_else(
                || error.to_string(),
                |code| format!("{} (code {code})", errors::explain(code).title),
            )
        }
        CallError::NotSent(_) | CallError::Unclear(_) => format!("Graph gave no answer: {error}"),
    }
}
