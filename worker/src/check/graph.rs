//! Does Meta answer for our numbers, with our tokens, and does it deliver to our app?

use super::{Mark, Report, clock};
use crate::{
    apis::graph::{CallError, Caller, Graph, Refusal},
    config::{Account, App},
};
use chat_rules::whatsapp::errors;
use serde_json::Value;

/// Asks Graph about each account and number.
pub(super) async fn check(graph: &Graph, apps: &[App], report: &mut Report) {
    let mut date = None;
    for app in apps {
        for account in app
            .accounts
            .iter()
            .filter(|account| !account.access_token.is_empty())
        {
            for number in &account.numbers {
                date = check_number(graph, account, number, report).await.or(date);
            }
            check_subscription(graph, app, account, report).await;
        }
    }
    if let Some(date) = date {
        clock::check(report, "Graph", clock::of_http(&date));
    }
}

fn caller<'a>(graph: &Graph, account: &'a Account) -> Caller<'a> {
    let version = Some(account.graph_version.as_str()).filter(|version| !version.is_empty());
    Caller {
        version,
        token: &account.access_token,
        within: graph.timeout(),
    }
}

/// Returns the answer's `Date`.
async fn check_number(
    graph: &Graph,
    account: &Account,
    number: &str,
    report: &mut Report,
) -> Option<String> {
    let what = format!("number {number}");
    match graph.number(caller(graph, account), number).await {
        Ok(answer) if answer.body.get("id").and_then(Value::as_str) == Some(number) => {
            let shown = answer
                .body
                .get("display_phone_number")
                .and_then(Value::as_str)
                .unwrap_or("without a display number");
            report.add(Mark::Ok, what, format!("Graph answers for it: {shown}"));
            answer.date
        }
        Ok(answer) => {
            report.add(
                Mark::Wrong,
                what,
                "Graph answered for something else; check the phone number id and graph.url",
            );
            answer.date
        }
        Err(error) => {
            of_error(report, what, &error);
            None
        }
    }
}

async fn check_subscription(graph: &Graph, app: &App, account: &Account, report: &mut Report) {
    let what = format!("webhooks of account {}", account.business_account_id);
    let answer = match graph
        .subscribed_apps(caller(graph, account), &account.business_account_id)
        .await
    {
        Ok(answer) => answer,
        Err(error) => return of_error(report, what, &error),
    };
    let ids: Vec<&str> = answer
        .body
        .get("data")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            entry
                .pointer("/whatsapp_business_api_data/id")
                .and_then(Value::as_str)
        })
        .collect();
    let (mark, says) = match (ids.is_empty(), app.app_id.as_str()) {
        (true, _) => (Mark::Wrong, "no app is subscribed, so nothing arrives; POST /<account>/subscribed_apps with this token".to_owned()),
        (false, "") => (Mark::Ok, format!("{} subscribed; give app_id to see whether it is this one", ids.join(", "))),
        (false, own) if ids.contains(&own) => (Mark::Ok, format!("app {own} is subscribed")),
        (false, own) => (Mark::Wrong, format!("app {own} is not subscribed, but {} is; POST /<account>/subscribed_apps with this app's token", ids.join(", "))),
    };
    report.add(mark, what, says);
}

fn of_error(report: &mut Report, what: String, error: &CallError) {
    let (mark, says) = match error {
        CallError::NotSent(why) | CallError::Unclear(why) => (
            Mark::Unknown,
            format!(
                "Graph gave no answer ({why}); check graph.url and that this machine may reach it"
            ),
        ),
        CallError::Refused(Refusal {
            code: Some(code),
            subcode,
            title,
            ..
        }) => {
            let known = errors::explain(errors::effective_code(*code, *subcode));
            (
                Mark::Wrong,
                format!("{title} (code {code}); {}", known.advice),
            )
        }
        CallError::Refused(Refusal {
            code: None, http, ..
        }) => (
            Mark::Wrong,
            format!("HTTP {http} from something that is not Graph; check graph.url"),
        ),
    };
    report.add(mark, what, says);
}
