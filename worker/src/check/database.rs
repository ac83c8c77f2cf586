//! Does the database answer, in the right role, without a pooler in between, and is it ours?

use super::{Mark, Report, clock};
use crate::db::{Db, DbError, FUNCTIONS, Facts, Failure};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// The login role that policies are written for.
const ROLE: &str = "chat_worker";

/// How long a notification may take; through a transaction pooler it never comes.
const ROUND_TRIP: Duration = Duration::from_secs(3);

/// Asks the database; the rest is left out when it does not answer.
pub(super) async fn check(db: &Db, report: &mut Report) {
    if let Err(error) = db.ping().await {
        let says = format!(
            "{error}; check CHAT_DATABASE_URL, and that the server runs and lets this machine in"
        );
        return report.add(Mark::Wrong, "database", says);
    }
    report.add(Mark::Ok, "database", "it answers");
    match db.role().await {
        Ok((name, true)) if name == ROLE => report.add(Mark::Ok, "database role", name),
        Ok((name, bound)) => {
            let more = if bound {
                ""
            } else {
                ", which passes by every policy"
            };
            let says = format!(
                "it is {name}{more}; connect as {ROLE}, which may call the worker's functions and nothing else"
            );
            report.add(Mark::Wrong, "database role", says);
        }
        Err(error) => unknown(report, "database role", &error),
    }
    pooler(db, report).await;
    let complete = functions(db, report).await;
    if complete {
        match db.facts().await {
            Ok(facts) => check_facts(&facts, report),
            Err(error) => unknown(report, "extension", &error),
        }
    }
}

/// A notification sent on one connection must arrive on another.
async fn pooler(db: &Db, report: &mut Report) {
    let what = "NOTIFY";
    let channel = format!("chat_check_{}", Uuid::new_v4().simple());
    let round = async {
        let mut listener = db.listen(&channel).await?;
        db.notify(&channel).await?;
        listener.recv().await?;
        Ok::<_, DbError>(())
    };
    match timeout(ROUND_TRIP, round).await {
        Ok(Ok(())) => report.add(Mark::Ok, what, "a notification arrives"),
        Ok(Err(error)) => unknown(report, what, &error),
        Err(_) => report.add(
            Mark::Wrong,
            what,
            "a notification does not arrive: a transaction-mode pooler is in between; use the direct or the session-mode address (port 5432, not 6543)",
        ),
    }
}

/// Every function that the worker calls. Returns whether all are there and ours to call.
async fn functions(db: &Db, report: &mut Report) -> bool {
    let mut complete = true;
    for signature in FUNCTIONS {
        match db.function(signature).await {
            Ok((true, true)) => continue,
            Ok((true, false)) => report.add(
                Mark::Wrong,
                signature,
                "this role may not call it; apply the migrations again",
            ),
            Ok((false, _)) => report.add(
                Mark::Missing,
                signature,
                "apply the migrations of this version of pg_chat",
            ),
            Err(error) => unknown(report, signature, &error),
        }
        complete = false;
    }
    if complete {
        report.add(
            Mark::Ok,
            "functions",
            format!("all {} are there", FUNCTIONS.len()),
        );
    }
    complete
}

fn check_facts(facts: &Facts, report: &mut Report) {
    let ours = env!("CARGO_PKG_VERSION");
    let version = facts.version.as_deref().unwrap_or("older than 0.1.0");
    if version == ours {
        report.add(Mark::Ok, "release", format!("the database has {version}"));
    } else {
        let says = format!(
            "the database has {version}, the worker is {ours}; apply the newest migration, or run the other worker"
        );
        report.add(Mark::Wrong, "release", says);
    }
    match facts.library_version.as_deref() {
        Some(library) if library == version => {
            report.add(Mark::Ok, "extension", format!("pg_chat_ext {library}"));
        }
        library => {
            let says = format!(
                "the library of pg_chat_ext is {}, the database has {version}; install the extension's files of that release on the database server",
                library.unwrap_or("unknown")
            );
            report.add(Mark::Wrong, "extension", says);
        }
    }
    clock::check(report, "the database", facts.now.parse().ok());
}

fn unknown(report: &mut Report, what: &str, error: &DbError) {
    let mark = if error.failure() == Failure::Passing {
        Mark::Unknown
    } else {
        Mark::Wrong
    };
    report.add(mark, what, error.to_string());
}
