//! Does the database answer, in the right role, without a pooler in between, and is it ours?

use super::{Mark, Report, clock};
use crate::db::{Connection, Db, DbError, FUNCTIONS, Facts, Failure, Rights};
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
        return report.add(Mark::Wrong, "database", no_answer(db, &error));
    }
    report.add(Mark::Ok, "database", "it answers");
    match db.connection() {
        Some(connection) => pooler(connection, report).await,
        None => report.add(
            Mark::Ok,
            "NOTIFY",
            "not over HTTPS; the queue is looked at instead",
        ),
    }
    let complete = match db.rights().await {
        Ok(rights) => check_rights(&rights, report),
        Err(error) if error.is_missing_function() => {
            let says = "apply the migrations of this version of pg_chat";
            report.add(Mark::Missing, "functions", says);
            false
        }
        Err(error) => {
            unknown(report, "database role", &error);
            false
        }
    };
    if complete {
        match db.facts().await {
            Ok(facts) => check_facts(&facts, report),
            Err(error) => unknown(report, "extension", &error),
        }
    }
}

/// What to look at when the database does not answer.
fn no_answer(db: &Db, error: &DbError) -> String {
    if db.connection().is_some() {
        return format!(
            "{error}; check CHAT_DATABASE_URL, and that the server runs and lets this machine in"
        );
    }
    match error.sqlstate().as_deref() {
        Some("42501") => format!(
            "{error}; let PostgREST become the worker, once, as postgres: grant {ROLE} to authenticator"
        ),
        Some(_) => error.to_string(),
        None if error.is_missing_function() => format!(
            "{error}; apply the migrations of this version of pg_chat, then: notify pgrst, 'reload schema'"
        ),
        None => format!("{error}; check CHAT_EDGE_URL, and that this machine may reach it"),
    }
}

/// A notification sent on one connection must arrive on another.
async fn pooler(connection: &Connection, report: &mut Report) {
    let what = "NOTIFY";
    let channel = format!("chat_check_{}", Uuid::new_v4().simple());
    let round = async {
        let mut listener = connection.listen(&[&channel]).await?;
        connection.notify(&channel).await?;
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

/// Our role, and every function that the worker calls. Returns whether all are there and ours to call.
fn check_rights(rights: &Rights, report: &mut Report) -> bool {
    if rights.role == ROLE && rights.bound {
        report.add(Mark::Ok, "database role", ROLE);
    } else {
        let more = if rights.bound {
            ""
        } else {
            ", which passes by every policy"
        };
        let says = format!(
            "it is {}{more}; connect as {ROLE}, which may call the worker's functions and nothing else",
            rights.role
        );
        report.add(Mark::Wrong, "database role", says);
    }
    for signature in &rights.missing {
        let says = "apply the migrations of this version of pg_chat";
        report.add(Mark::Missing, signature, says);
    }
    for signature in &rights.refused {
        let says = "this role may not call it; apply the migrations again";
        report.add(Mark::Wrong, signature, says);
    }
    let complete = rights.missing.is_empty() && rights.refused.is_empty();
    if complete {
        let says = format!("all {} are there", FUNCTIONS.len());
        report.add(Mark::Ok, "functions", says);
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
