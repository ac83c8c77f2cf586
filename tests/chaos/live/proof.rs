//! What each page shows against the rows of the database, as whoever looks at it may see them. Asks the tables, not the
//! views and functions that pages ask.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::act::Stage;

/// So many an inbox shows at first.
const PAGE: usize = 25;

/// What a page shows.
#[derive(Deserialize)]
pub struct Shows {
    shows: Vec<Shown>,
    /// An agent's inbox.
    list: Option<Vec<Value>>,
    pub is_live: bool,
}

/// A conversation on a page.
#[derive(Deserialize)]
struct Shown {
    conversation: Option<Uuid>,
    state: Value,
    rows: Vec<Value>,
    drafts: Vec<String>,
}

/// What was found.
pub struct Seen {
    pub wrong: Vec<String>,
    pub pages: usize,
    pub lines: usize,
}

/// A conversation as it is.
struct Conversation {
    for_agents: Value,
    for_visitor: Value,
    /// Messages in the order in which they are shown, and whether each is a note.
    messages: Vec<(bool, Value)>,
}

/// Compares every page once.
pub async fn compare(stage: &Stage) -> Result<Seen> {
    let (conversations, list) = conversations(stage).await?;
    let mut seen = Seen {
        wrong: Vec::new(),
        pages: 0,
        lines: 0,
    };
    for (page, shows) in stage.shows().await?.into_iter().enumerate() {
        let person = stage.cast.pages.get(page);
        let wanted: Vec<Uuid> = match person {
            Some(person) => vec![stage.people[*person].conversation],
            None => {
                let desk = &stage.cast.desks[page - stage.cast.pages.len()];
                desk.iter().map(|n| stage.people[*n].conversation).collect()
            }
        };
        let shown: Vec<_> = shows.shows.iter().filter_map(|s| s.conversation).collect();
        let mut wrong = Vec::new();
        if shown != wanted {
            wrong.push(format!("shows {shown:?} instead of {wanted:?}"));
        }
        for shown in &shows.shows {
            let Some(is) = shown.conversation.and_then(|id| conversations.get(&id)) else {
                continue;
            };
            wrong.extend(differs(shown, is, person.is_some()));
            seen.lines += shown.rows.len();
        }
        if shows.list.as_ref().is_some_and(|shown| *shown != list) {
            wrong.push(format!("lists {:?}\n    instead of {list:?}", shows.list));
        }
        seen.pages += 1;
        seen.wrong
            .extend(wrong.into_iter().map(|what| format!("page {page} {what}")));
    }
    Ok(seen)
}

/// What is wrong with a conversation on a page.
fn differs(shown: &Shown, is: &Conversation, for_visitor: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if !shown.drafts.is_empty() {
        wrong.push(format!("has not sent {:?}", shown.drafts));
    }
    let state = if for_visitor {
        &is.for_visitor
    } else {
        &is.for_agents
    };
    if shown.state != *state {
        wrong.push(format!("says {} instead of {state}", shown.state));
    }
    let rows = is.messages.iter();
    let rows: Vec<_> = rows
        .filter(|(is_note, _)| !(for_visitor && *is_note))
        .map(|(_, row)| row)
        .collect();
    if shown.rows.len() != rows.len() {
        wrong.push(format!(
            "shows {} messages instead of {}",
            shown.rows.len(),
            rows.len()
        ));
    }
    let pairs = shown.rows.iter().zip(rows).enumerate();
    let first = pairs.into_iter().find(|(_, (shown, is))| shown != is);
    wrong.extend(
        first.map(|(n, (shown, is))| format!("shows, at {n}, {shown}\n    instead of {is}")),
    );
    wrong
}

/// All conversations by id, and as an inbox lists them.
async fn conversations(stage: &Stage) -> Result<(BTreeMap<Uuid, Conversation>, Vec<Value>)> {
    let mut all = BTreeMap::new();
    let rows: Vec<(Uuid, Value, Value, Value)> = sqlx::query_as(
        "select c.id,
            jsonb_build_object('status', c.status, 'priority', c.priority, 'assigned_agent_id', c.assigned_agent_id),
            jsonb_build_object('status', c.status, 'has_agent', c.assigned_agent_id is not null,
                'last_message_text', c.last_message_text),
            jsonb_build_object('id', c.id, 'status', c.status, 'last_message_text', c.last_message_text,
                'unread_count', c.unread_agent_count)
        from public.mod_chat_conversations c order by c.last_message_at desc, c.id desc",
    )
    .fetch_all(stage.db.owner())
    .await?;
    let list = rows.iter().map(|(.., in_list)| in_list.clone());
    let list = list.take(PAGE).collect();
    for (id, for_agents, for_visitor, _) in rows {
        let conversation = Conversation {
            for_agents,
            for_visitor,
            messages: Vec::new(),
        };
        all.insert(id, conversation);
    }
    let messages: Vec<(Uuid, bool, Value)> = sqlx::query_as(
        "select m.conversation_id, m.public_seq is null,
            jsonb_build_object('id', m.id, 'change', m.change, 'content', m.content, 'status', m.status,
                'is_edited', m.edited_at is not null, 'is_deleted', m.deleted_at is not null)
        from public.mod_chat_messages m order by m.sent_at, m.seq",
    )
    .fetch_all(stage.db.owner())
    .await?;
    for (conversation, is_note, row) in messages {
        let conversation = all
            .get_mut(&conversation)
            .context("a message without a conversation")?;
        conversation.messages.push((is_note, row));
    }
    Ok((all, list))
}
