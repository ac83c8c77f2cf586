//! What both sides have in the end, message by message. It knows what the simulator did and what the rows say, and
//! nothing of how they came to be so.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use local_stack::graph::{Author, Bubble};
use serde::Deserialize;
use uuid::Uuid;

use super::figures::Figures;
use super::traffic::Traffic;

/// An answer as its row says it ended.
#[derive(Deserialize)]
struct Sent {
    id: Uuid,
    known_as: String,
    seq: i64,
    content: String,
    delivery_state: String,
    whatsapp_message_id: Option<String>,
    code: Option<u32>,
    attempts: usize,
    /// Callback data of its last attempt.
    last: Option<String>,
}

/// A message of a person's as it is stored.
#[derive(Deserialize)]
struct Stored {
    wamid: String,
    known_as: String,
    kind: String,
    content: String,
    delivery_state: String,
}

/// Fails, naming what is wrong; else what there was.
pub async fn prove(traffic: &Traffic<'_>) -> Result<Figures> {
    let mut wrong = Vec::new();
    let mut figures = Figures::default();
    out(traffic, &mut figures, &mut wrong).await?;
    into(traffic, &mut figures, &mut wrong).await?;
    ensure!(
        wrong.is_empty(),
        "{} things are wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(figures)
}

/// Each answer was taken by Meta at most once, in order, and its row says how it ended; what has no sure end is unknown.
async fn out(traffic: &Traffic<'_>, figures: &mut Figures, wrong: &mut Vec<String>) -> Result<()> {
    let rows = traffic
        .rows(
            "select m.id, m.seq, m.content, m.delivery_state, m.whatsapp_message_id, m.metadata -> 'error' -> 'code' as code,
                (select a.value from chat.identity_aliases a where a.identity_id = c.identity_id order by a.kind, a.created_at limit 1) as known_as,
                (select count(*) from chat.attempts a where a.message_id = m.id) as attempts,
                (select m.id || ':' || max(a.number) from chat.attempts a where a.message_id = m.id) as last
            from public.mod_chat_messages m join public.mod_chat_conversations c on c.id = m.conversation_id
            where m.sender_type = 'agent'",
        )
        .await?;
    let rows: Vec<Sent> = rows
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()?;
    ensure!(
        rows.len() == traffic.out,
        "{} answers were written, {} are stored",
        traffic.out,
        rows.len()
    );
    let refusals = traffic.meta.refusals();
    let phones = traffic.meta.phones();
    let mut taken: BTreeMap<Uuid, Vec<(&str, &Bubble)>> = BTreeMap::new();
    for phone in &phones {
        for bubble in phone.bubbles.iter().filter(|b| b.by == Author::Business) {
            let callback = bubble.callback.as_deref().unwrap_or_default();
            let id = callback.split(':').next().and_then(|id| id.parse().ok());
            let id = id.with_context(|| format!("nobody wrote `{}`", bubble.text))?;
            taken.entry(id).or_default().push((&phone.phone, bubble));
        }
    }
    for row in &rows {
        let bubbles = taken.remove(&row.id).unwrap_or_default();
        *figures.out.entry(row.delivery_state.clone()).or_default() += 1;
        figures.attempts += row.attempts;
        figures.accepted += bubbles.len();
        let says = match bubbles.as_slice() {
            [] => not_taken(row, refusals.get(row.last.as_deref().unwrap_or_default())),
            [(phone, bubble)] => {
                figures.taken_untold += usize::from(row.delivery_state == "unknown");
                taken_once(traffic, row, phone, bubble)
            }
            several => Some(format!("Meta took it {} times", several.len())),
        };
        if let Some(says) = says {
            wrong.push(format!(
                "answer {} ({}, {} attempts): {says}",
                row.id, row.delivery_state, row.attempts
            ));
        }
    }
    wrong.extend(
        taken
            .keys()
            .map(|id| format!("Meta took {id}, which nobody wrote")),
    );

    let seqs: BTreeMap<Uuid, i64> = rows.iter().map(|row| (row.id, row.seq)).collect();
    for phone in &phones {
        let order = phone.bubbles.iter().filter_map(|bubble| {
            let id = bubble.callback.as_deref()?.split(':').next()?;
            seqs.get(&id.parse().ok()?).copied()
        });
        let order: Vec<i64> = order.collect();
        if !order.is_sorted() {
            wrong.push(format!("{} got its answers as {order:?}", phone.phone));
        }
    }
    Ok(())
}

/// What is wrong with an answer that Meta never took: it is unknown, or failed with what Meta last said.
fn not_taken(row: &Sent, refused: Option<&u32>) -> Option<String> {
    match row.delivery_state.as_str() {
        "unknown" => None,
        "failed" if row.code.is_some() && row.code.as_ref() == refused => None,
        _ => Some(format!(
            "Meta has not taken it and last said {refused:?}, its row says {:?}",
            row.code
        )),
    }
}

/// What is wrong with an answer that Meta took once: its row must say the furthest that any status said, or, where none
/// ever did, that it was accepted or is unknown.
fn taken_once(traffic: &Traffic<'_>, row: &Sent, phone: &str, bubble: &Bubble) -> Option<String> {
    let human = traffic.humans.iter().find(|human| human.phone == phone)?;
    if human.known_as != row.known_as || bubble.text != row.content {
        return Some(format!("{phone} got `{}`", bubble.text));
    }
    let Some(status) = bubble.status else {
        let fits = match row.delivery_state.as_str() {
            "unknown" => row.whatsapp_message_id.is_none(),
            "accepted" => row.whatsapp_message_id.as_ref() == Some(&bubble.wamid),
            _ => false,
        };
        return (!fits).then(|| "no status ever told of it".to_owned());
    };
    if row.whatsapp_message_id.as_ref() != Some(&bubble.wamid) {
        return Some(format!(
            "its id at Meta is {}, its row says {:?}",
            bubble.wamid, row.whatsapp_message_id
        ));
    }
    let fits = row.delivery_state == status.word() && row.code == bubble.error;
    (!fits).then(|| {
        format!(
            "Meta says {} {:?}, its row {:?}",
            status.word(),
            bubble.error,
            row.code
        )
    })
}

/// Each message of a person's is stored once, as theirs, with their words; nobody has two conversations.
async fn into(traffic: &Traffic<'_>, figures: &mut Figures, wrong: &mut Vec<String>) -> Result<()> {
    let rows = traffic
        .rows(
            "select m.whatsapp_message_id as wamid, m.kind, m.content, m.delivery_state,
                (select a.value from chat.identity_aliases a where a.identity_id = c.identity_id order by a.kind, a.created_at limit 1) as known_as
            from public.mod_chat_messages m join public.mod_chat_conversations c on c.id = m.conversation_id
            where m.sender_type = 'visitor'",
        )
        .await?;
    let mut stored: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    for row in rows {
        let row: Stored = serde_json::from_value(row)?;
        stored.entry(row.wamid.clone()).or_default().push(row);
    }
    for heard in traffic.heard.borrow().iter() {
        let says = match stored.remove(&heard.wamid).as_deref() {
            None => Some("is lost".to_owned()),
            Some([row]) => {
                // A place's content is more than its name.
                let same = match heard.kind {
                    "location" => row.content.contains(&heard.content),
                    _ => row.content == heard.content,
                };
                let fits = same
                    && row.known_as == heard.known_as
                    && row.kind == heard.kind
                    && row.delivery_state == "received";
                (!fits).then(|| format!("is stored as {} {}", row.kind, row.content))
            }
            Some(several) => Some(format!("is stored {} times", several.len())),
        };
        wrong.extend(says.map(|says| format!("`{}` of {} {says}", heard.content, heard.known_as)));
        figures.into += 1;
    }
    wrong.extend(stored.keys().map(|wamid| format!("nobody wrote {wamid}")));

    let people = traffic.humans.len();
    let known: BTreeSet<_> = traffic.humans.iter().map(|human| &human.known_as).collect();
    ensure!(known.len() == people, "two people are one");
    for (table, most) in [
        ("public.mod_chat_conversations", people),
        ("public.mod_chat_visitors", people),
        ("chat.dead_letters", 0),
        ("chat.orphan_statuses", 0),
    ] {
        let rows = traffic.db.count(table).await?;
        if usize::try_from(rows)? != most {
            wrong.push(format!("{rows} rows of {table} for {people} people"));
        }
    }
    Ok(())
}
