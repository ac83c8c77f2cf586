//! What an answer means: a call succeeds, is refused in our own words, or is a fault of ours.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use pg_chat_tests::{Refusal, repository};
use sqlx::postgres::PgDatabaseError;

use crate::callers::Caller;
use crate::calls::Call;

/// What an error was.
pub enum Verdict {
    /// The documented no; its code.
    Refused(String),
    /// The connection died: it happened or it did not.
    Uncertain,
    /// Whoever delivers tries again, as the worker does.
    Again,
    /// Anything else.
    Fault,
}

/// Codes of docs/errors.md.
pub struct Pages {
    codes: BTreeSet<String>,
}

impl Pages {
    pub fn read() -> Result<Self> {
        let page = repository().join("docs/errors.md");
        let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let codes = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
        Ok(Self {
            codes: codes.collect(),
        })
    }

    /// Judges what went wrong with a call.
    pub fn judge(&self, call: &Call, error: &sqlx::Error) -> Verdict {
        let Some(refusal) = Refusal::of(error) else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed => Verdict::Uncertain,
                _ => Verdict::Fault,
            };
        };
        let state = refusal.sqlstate.as_str();
        match &state[..2] {
            "PT" => {
                let code = refusal.detail.unwrap_or_default();
                // No secret is missing here, so a 5xx is a fault too.
                let ours = self.codes.contains(&code) && refusal.hint.is_some() && state < "PT500";
                if ours {
                    Verdict::Refused(code)
                } else {
                    Verdict::Fault
                }
            }
            "42" if state == "42501" => Verdict::Refused(state.to_owned()),
            "57" if state != "57014" => Verdict::Uncertain,
            // A delivery that met an erasure, as docs/errors.md says.
            "40" if state == "40001" && call.name == "chat_receive_whatsapp" => Verdict::Again,
            "22" if call.garbled && !inside_a_function(error) => Verdict::Refused(state.to_owned()),
            // A table's own constraints answer whoever writes the table.
            "23" if call.of_table && by_client(&call.caller) && !inside_a_function(error) => {
                Verdict::Refused(state.to_owned())
            }
            _ => Verdict::Fault,
        }
    }
}

fn by_client(caller: &Caller) -> bool {
    matches!(caller, Caller::User(_) | Caller::Anon(_) | Caller::Service)
}

/// Whether one of our functions ran when it happened.
fn inside_a_function(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .and_then(PgDatabaseError::r#where)
        .is_some_and(|context| context.contains("PL/pgSQL"))
}
