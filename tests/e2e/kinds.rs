//! Every kind of message gets to a phone; Meta's side refuses what is not in its form.

use anyhow::Result;
use local_stack::graph::Habits;
use pg_chat_tests::wait_until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, ZOE};

impl Stage {
    /// Ada inserts a row, as a dashboard does; its id.
    async fn posts(&self, conversation: Uuid, columns: &str, values: &str) -> Result<Uuid> {
        let insert = format!(
            "insert into mod_chat_messages (conversation_id, {columns}) values ('{conversation}', {values}) returning id"
        );
        let row = self.db.desk(self.ada).rows(&insert).await?.remove(0);
        Ok(serde_json::from_value(row["id"].clone())?)
    }

    async fn asks(&self, call: &str) -> Result<Value> {
        let ask = format!("select {call} as said");
        let mut rows = self.db.desk(self.ada).rows(&ask).await?;
        Ok(rows.remove(0)["said"].take())
    }
}

#[tokio::test]
async fn every_kind_gets_to_the_phone() -> Result<()> {
    let stage = Stage::open().await?;
    let zoe = stage.writes(ZOE, "Hello").await?;
    let media = r#"'{"media": {"link": "https://example.org/file"}}'"#;
    let mut last = None;
    for (columns, values) in [
        (
            "content, metadata",
            r#"'See https://example.org', '{"preview_url": true}'"#.to_owned(),
        ),
        (
            "content_type, content, metadata",
            format!("'image', 'The door', {media}"),
        ),
        ("content_type, metadata", format!("'video', {media}")),
        ("content_type, metadata", format!("'audio', {media}")),
        ("kind, metadata", format!("'voice', {media}")),
        (
            "content_type, file_name, metadata",
            format!("'file', 'Bill.pdf', {media}"),
        ),
        ("kind, metadata", format!("'sticker', {media}")),
        (
            "content_type, content",
            r#"'location', '{"latitude": 1.5, "longitude": 2, "name": "Shop"}'"#.to_owned(),
        ),
        (
            "kind, metadata",
            r#"'contacts', '{"contacts": [{"name": {"formatted_name": "Ben"}}]}'"#.to_owned(),
        ),
        (
            "kind, metadata",
            r#"'interactive', '{"interactive": {"type": "button", "body": {"text": "Which?"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}]}}}'"#
                .to_owned(),
        ),
        (
            "kind, metadata",
            r#"'template', '{"template": {"name": "hello_world", "language": "en_US"}}'"#
                .to_owned(),
        ),
    ] {
        last = Some(stage.posts(zoe, columns, &values).await?);
    }
    stage.once(last.expect("the last"), "read").await?;
    let shown: Vec<_> = stage
        .sent_to(ZOE)
        .into_iter()
        .map(|bubble| (bubble.kind, bubble.voice, bubble.text))
        .collect();
    let expected = [
        ("text", false, "See https://example.org"),
        ("image", false, "The door"),
        ("video", false, ""),
        ("audio", false, ""),
        ("audio", true, ""),
        ("document", false, "Bill.pdf"),
        ("sticker", false, ""),
        ("location", false, "Shop"),
        ("contacts", false, "Ben"),
        ("interactive", false, "Which?\n[A]"),
        ("template", false, "template hello_world (en_US)"),
    ];
    assert_eq!(
        shown,
        expected.map(|(kind, voice, text)| (kind.to_owned(), voice, text.to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn an_agents_emoji_gets_to_the_phone_and_is_no_message() -> Result<()> {
    let stage = Stage::open().await?;
    stage.writes(ZOE, "Hello").await?;
    let hello = stage
        .db
        .row("select id, whatsapp_message_id as wamid from public.mod_chat_messages")
        .await?;
    let id = hello["id"].as_str().expect("an id");
    stage.asks(&format!("chat_react('{id}', '👍')")).await?;
    let reaction = wait_until("the reaction is on the phone", async || {
        Ok(stage.sent_to(ZOE).pop())
    })
    .await?;
    assert_eq!(
        (reaction.kind.as_str(), reaction.text.as_str()),
        ("reaction", "👍")
    );
    stage.meta().settled().await;
    assert_eq!(stage.db.count("public.mod_chat_messages").await?, 1);
    assert_eq!(stage.db.count("chat.orphan_statuses").await?, 0);

    // One that fails says so beside itself.
    stage.meta().set_habits(
        ZOE,
        Habits {
            fails_with: Some(131_026),
            ..Habits::default()
        },
    );
    stage.asks(&format!("chat_react('{id}', '🎉')")).await?;
    let failed = wait_until("the reaction says why it failed", async || {
        let message = stage.message(id.parse()?).await?;
        let error = message["reactions"][format!("agent:{}", stage.ada.id)]["error"].clone();
        Ok((!error.is_null()).then_some(error))
    })
    .await?;
    assert_eq!(failed["code"], 131_026);
    assert_eq!(
        stage
            .db
            .count("chat.jobs where died_at is not null")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn the_phone_shows_that_somebody_types() -> Result<()> {
    let stage = Stage::open().await?;
    let zoe = stage.writes(ZOE, "Hello").await?;
    // One that comes too late is dropped.
    stage
        .db
        .as_owner(
            "select chat.enqueue('typing:late:' || c.identity_id, 'whatsapp.typing', 'reply', c.site_id,
                jsonb_build_object('phone_number_id', c.phone_number_id, 'account_id', n.account_id, 'site_id', c.site_id,
                    'wamid', m.whatsapp_message_id, 'until', 1), true)
            from public.mod_chat_conversations c join public.mod_chat_messages m on m.conversation_id = c.id
            join chat.whatsapp_numbers n on n.phone_number_id = c.phone_number_id",
        )
        .await?;
    wait_until("it is dropped", async || {
        let waiting = stage
            .db
            .count("chat.jobs where kind = 'whatsapp.typing'")
            .await?;
        Ok((waiting == 0).then_some(()))
    })
    .await?;
    assert!(!stage.meta().phone(ZOE).typing);
    assert_eq!(
        stage.asks(&format!("chat_typing('{zoe}')")).await?,
        json!({"shown": true, "why": null})
    );
    wait_until("the phone shows it", async || {
        Ok(stage.meta().phone(ZOE).typing.then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_row_that_cannot_be_sent_fails_in_words_and_the_lane_goes_on() -> Result<()> {
    let stage = Stage::open().await?;
    let zoe = stage.writes(ZOE, "Hello").await?;
    let card = r#"'contacts', '{"contacts": [{"name": {"formatted_name": "Ben"}}]}'"#;
    stage
        .db
        .as_owner("select chat.pause(kind => 'whatsapp.send_message')")
        .await?;
    let broken = stage.posts(zoe, "kind, metadata", card).await?;
    let next = stage.answers(zoe, "Still here").await?;
    // What was right when it was written need not be right when it leaves.
    stage
        .db
        .as_owner(&format!(
            "update public.mod_chat_messages set metadata = '{{}}' where id = '{broken}'"
        ))
        .await?;
    stage
        .db
        .as_owner("select chat.resume(kind => 'whatsapp.send_message')")
        .await?;
    stage.once(next, "read").await?;
    let failed = stage.message(broken).await?;
    assert_eq!(
        (
            &failed["delivery_state"],
            &failed["metadata"]["error"]["details"]
        ),
        (&json!("failed"), &json!("metadata.contacts is missing"))
    );
    Ok(())
}
