//! What a webhook of site B says about a message of site A: it knows the message's id, its callback data, everything
//! but the app's secret, and changes nothing.

use anyhow::{Result, ensure};
use pg_chat_tests::Number;
use pg_chat_tests::webhook::{self, body_of_statuses, status, text};
use serde_json::{Value, json};

use super::numbers::{begin_send, connect};
use crate::world::World;

super::held_off!(
    a_foreign_status,
    a_foreign_status_before_the_answer,
    a_foreign_reaction,
    a_foreign_quotation
);

const STATE: &str =
    "select concat_ws(' ', delivery_state, whatsapp_message_id, whatsapp_status, change, reactions,
    metadata) from mod_chat_messages where content = 'Hello'";

/// A message of site A on its way to a phone, and site B's number. Gives them with the begun attempt.
async fn sending(world: &World) -> Result<(Number, Number, Value)> {
    let ours = connect(world, &world.a, "first", "777").await?;
    let theirs = connect(world, &world.b, "second", "888").await?;
    webhook::receive(&world.db, &ours, &[text("15550001", "wamid.in", "Hi")]).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    agent
        .execute(
            "insert into mod_chat_messages (conversation_id, content)
            select id, 'Hello' from mod_chat_conversations where channel = 'whatsapp'",
        )
        .await?;
    let begun = begin_send(world).await?;
    ensure!(begun["go"] == true, "the send was answered {begun}");
    Ok((ours, theirs, begun))
}

async fn sent(world: &World) -> Result<(Number, Number, Value)> {
    let (ours, theirs, begun) = sending(world).await?;
    sqlx::query(
        "select chat_finish_attempt(($1 #>> '{job,job_id}')::bigint, ($1 #>> '{job,lease_token}')::uuid,
            ($1 ->> 'message_id')::uuid, ($1 ->> 'attempt')::integer,
            '{\"is\": \"accepted\", \"wamid\": \"wamid.out\", \"http\": 200}')",
    )
    .bind(&begun)
    .execute(world.db.as_worker())
    .await?;
    Ok((ours, theirs, begun))
}

fn callback(begun: &Value) -> &str {
    begun["callback"].as_str().unwrap_or_default()
}

async fn report(world: &World, number: &Number, word: &str, callback: &str) -> Result<()> {
    let body = body_of_statuses(number, &[status("15550001", "wamid.out", word, callback)]);
    webhook::take(&world.db, number, &body).await?;
    Ok(())
}

pub async fn a_foreign_status(world: &World) -> Result<()> {
    let (ours, theirs, begun) = sent(world).await?;
    let before = world.look(STATE).await?;
    report(world, &theirs, "read", callback(&begun)).await?;
    report(world, &theirs, "failed", "").await?;
    // Their number's id in our app's body is the other way round, and meets an unknown number.
    report(
        world,
        &Number {
            app: theirs.app,
            ..ours.clone()
        },
        "read",
        callback(&begun),
    )
    .await?;
    ensure!(
        world.look(STATE).await? == before,
        "a foreign status made of {before}: {}",
        world.look(STATE).await?
    );
    report(world, &ours, "delivered", "").await?;
    let after = world.look(STATE).await?;
    ensure!(
        after.starts_with("delivered "),
        "our own status was not applied: {after}"
    );
    Ok(())
}

/// Before the answer of a send brings the wamid, the callback data alone names the message.
pub async fn a_foreign_status_before_the_answer(world: &World) -> Result<()> {
    let (ours, theirs, begun) = sending(world).await?;
    let before = world.look(STATE).await?;
    report(world, &theirs, "delivered", callback(&begun)).await?;
    ensure!(
        world.look(STATE).await? == before,
        "a foreign status made of {before}: {}",
        world.look(STATE).await?
    );
    report(world, &ours, "sent", callback(&begun)).await?;
    let after = world.look(STATE).await?;
    ensure!(
        after.starts_with("sent wamid.out "),
        "our own status was not applied: {after}"
    );
    Ok(())
}

pub async fn a_foreign_reaction(world: &World) -> Result<()> {
    let (_, theirs, _) = sent(world).await?;
    let before = world.look(STATE).await?;
    let mut reaction = text("15550002", "wamid.reaction", "");
    reaction["type"] = json!("reaction");
    reaction["reaction"] = json!({"message_id": "wamid.out", "emoji": "👎"});
    webhook::receive(&world.db, &theirs, &[reaction]).await?;
    ensure!(
        world.look(STATE).await? == before,
        "a foreign reaction made of {before}: {}",
        world.look(STATE).await?
    );
    Ok(())
}

pub async fn a_foreign_quotation(world: &World) -> Result<()> {
    let (_, theirs, _) = sent(world).await?;
    let mut quoting = text("15550002", "wamid.quoting", "As you said");
    quoting["context"] = json!({"from": "15550001", "id": "wamid.out"});
    webhook::receive(&world.db, &theirs, &[quoting]).await?;
    let quoted = world
        .look(
            "select reply_to_id from mod_chat_messages where whatsapp_message_id = 'wamid.quoting'",
        )
        .await?;
    ensure!(quoted == "null", "the quotation leads to {quoted}");
    Ok(())
}
