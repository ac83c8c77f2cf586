//! `whatsapp.sync_templates`: every template of an account, page by page.
//!
//! A page is stored as soon as it is here, and the place after it is kept; a lease that ends before the last page goes on
//! there. The database removes what no page had, and only after the last one.

use super::{Context, GraphPayload, Outcome};
use crate::{
    db::{ClaimedJob, DbError, Failure},
    queue::lease::Lease,
};
use chat_rules::whatsapp::template::{Row, of_graph};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// Most pages of one run: far more templates than an account may have. A cursor that leads in a circle ends here.
const MOST_PAGES: usize = 200;

/// A page is not begun with less of the lease left.
const PAGE_TAKES: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
struct Payload {
    waba_id: String,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Asks Graph page by page and hands each to the database.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    sync(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended)
}

async fn sync(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    let account = payload.graph.account_id;
    let token = super::token(context, job, &payload.graph)?;
    let pass = super::persist(lease.until, || {
        context.db.begin_template_sync(account, lease.job_id)
    })
    .await
    .map_err(refused)?;
    let Some(id) = pass.pass else {
        return Ok(Outcome::Gone {
            why: "the account is not there any more".to_owned(),
        });
    };
    let mut after = pass.after;
    for _ in 0..MOST_PAGES {
        if lease.time_left() < PAGE_TAKES {
            return Ok(Outcome::Retry {
                after: Duration::ZERO,
                why: "there are more pages than one lease has time for".to_owned(),
            });
        }
        let caller = super::caller(
            &context.graph,
            &lease,
            payload.graph.graph_version.as_deref(),
            &token.secret,
        );
        let answer = context
            .graph
            .templates(caller, &payload.waba_id, after.as_deref())
            .await
            .map_err(|error| super::of_call_error(job, &error))?;
        let page = Page::read(&answer.body)?;
        if page.next.is_some() && page.next == after {
            return Err(Outcome::Dead {
                why: "Graph named the same page again".to_owned(),
            });
        }
        let state = super::persist(lease.until, || {
            let next = page.next.as_deref();
            context.db.store_templates(account, id, &page.rows, next)
        })
        .await
        .map_err(refused)?;
        if state != "stored" {
            return Ok(Outcome::Gone {
                why: "a later pass took over".to_owned(),
            });
        }
        if page.next.is_none() {
            return Ok(Outcome::Done);
        }
        after = page.next;
    }
    Err(Outcome::Dead {
        why: format!("Graph has more than {MOST_PAGES} pages of templates"),
    })
}

/// One page as Graph answered it.
struct Page {
    rows: Vec<Row>,
    /// The cursor to go on with; none on the last page, whatever cursors it has.
    next: Option<String>,
}

impl Page {
    fn read(body: &Value) -> Result<Self, Outcome> {
        let data = body["data"].as_array().ok_or_else(|| Outcome::Dead {
            why: "Graph answered no list of templates".to_owned(),
        })?;
        let paging = &body["paging"];
        let after = paging["cursors"]["after"].as_str().map(str::to_owned);
        let next = after.filter(|_| paging["next"].is_string());
        Ok(Self {
            rows: data.iter().filter_map(of_graph).collect(),
            next,
        })
    }
}

/// A refusal of what we bring will be the same next time; all else may pass.
fn refused(error: DbError) -> Outcome {
    let why = error.to_string();
    match error.failure() {
        Failure::Data => Outcome::Dead { why },
        Failure::Passing | Failure::Fault => Outcome::Lost { why },
    }
}
