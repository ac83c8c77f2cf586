//! The past of a number that comes from the business's phone: thousands of old messages, and nobody is disturbed.

use anyhow::Result;
use pg_chat_tests::Refusal;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of, status, text};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id, only};

const BUSINESS: &str = "15550100001";
/// A day of long ago.
const THEN: i64 = 1_760_000_000;

fn said(from: &str, wamid: &str, at: i64, words: &str, state: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": at.to_string(), "type": "text", "text": {"body": words},
        "history_context": {"status": state}})
}

/// A message whose file may follow.
fn placeholder(from: &str, wamid: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": THEN.to_string(), "type": "media_placeholder",
        "history_context": {"status": "READ"}})
}

fn file(from: &str, wamid: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": THEN.to_string(), "type": "image",
        "image": {"id": format!("media-{wamid}"), "mime_type": "image/jpeg", "sha256": "c2hh", "caption": "Then"}})
}

fn part(thread: &str, messages: &[Value], progress: i64) -> Value {
    json!({"history": [{"metadata": {"phase": 0, "chunk_order": 1, "progress": progress},
        "threads": [{"id": thread, "messages": messages}]}]})
}

impl Scene {
    async fn import(&self, value: Value) -> Result<Value> {
        self.take(&body_of(&self.number, "history", value)).await
    }

    /// The conversation that holds what was imported.
    async fn past(&self) -> Result<Value> {
        self.row("select * from mod_chat_conversations where is_history")
            .await
    }

    async fn import_as_shown(&self) -> Result<Value> {
        let number = self.row("select id from chat.whatsapp_numbers").await?;
        let health = self
            .as_boss(&format!(
                "select chat_whatsapp_health({}) as health",
                id(&number)
            ))
            .await?;
        Ok(health[0]["health"]["details"]["history"].clone())
    }
}

#[tokio::test]
async fn lesson_55_an_import_is_there_and_nobody_hears_of_it() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let messages = [
        said(BUSINESS, "wamid.p2", THEN + 60, "Here you are", "READ"),
        said(ZOE, "wamid.p1", THEN, "Stop", "READ"),
        said(BUSINESS, "wamid.p3", THEN + 120, "Lost", "ERROR"),
    ];
    let answer = scene.import(part(ZOE, &messages, 55)).await?;
    assert_eq!(
        answer,
        json!({"stored": 4, "duplicate": 0, "dead": 0, "enqueued": 0})
    );
    let chat = scene.past().await?;
    assert_eq!(
        only(
            &chat,
            "status assigned_agent_id message_count unread_agent_count unread_visitor_count inbound_count last_message_at \
            whatsapp_window_expires_at first_response_time_seconds session_number"
        ),
        json!({"status": "closed", "assigned_agent_id": null, "message_count": 3, "unread_agent_count": 0,
            "unread_visitor_count": 0, "inbound_count": 0, "last_message_at": null, "whatsapp_window_expires_at": null,
            "first_response_time_seconds": null, "session_number": "CHAT-00000001"})
    );
    let times = scene
        .row(&format!(
            "select extract(epoch from created_at)::bigint as began, extract(epoch from archived_at)::bigint as ended
            from mod_chat_conversations where id = {}",
            id(&chat)
        ))
        .await?;
    assert_eq!(times, json!({"began": THEN, "ended": THEN + 120}));
    let rows = scene
        .rows(
            "select whatsapp_message_id as wamid, sender_type, origin, delivery_state, seq, public_seq,
                extract(epoch from sent_at)::bigint - 1760000000 as at
            from mod_chat_messages order by seq",
        )
        .await?;
    let row = |wamid: &str, sender: &str, state: &str, seq: i64, at: i64| {
        json!({"wamid": wamid, "sender_type": sender, "origin": "history", "delivery_state": state, "seq": seq,
            "public_seq": seq, "at": at})
    };
    assert_eq!(
        json!(rows),
        json!([
            row("wamid.p1", "visitor", "received", 1, 0),
            row("wamid.p2", "agent", "read", 2, 60),
            row("wamid.p3", "agent", "failed", 3, 120)
        ])
    );
    for nothing in [
        "chat.events where conversation_id is not null or message_id is not null",
        "realtime.messages",
        "chat.jobs",
        "chat.choices",
        "chat.marketing_wishes",
        "chat.crm_due",
        "chat.sla_cases",
        "chat.agent_deeds",
    ] {
        assert_eq!(scene.count(nothing).await?, 0, "{nothing}");
    }
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    let person = scene
        .row(
            "select total_messages, extract(epoch from first_seen_at)::bigint - 1760000000 as first,
                extract(epoch from last_seen_at)::bigint - 1760000000 as last from mod_chat_visitors",
        )
        .await?;
    assert_eq!(
        person,
        json!({"total_messages": 0, "first": 0, "last": 120})
    );

    // All of it again, and then she writes.
    let again = scene.import(part(ZOE, &messages, 55)).await?;
    assert_eq!(
        only(&again, "stored duplicate"),
        json!({"stored": 0, "duplicate": 4})
    );
    let now = scene.visit(ZOE).await?;
    assert_ne!(now["id"], chat["id"]);
    assert_eq!(now["assigned_agent_id"], json!(ada.id));
    assert_eq!(scene.past().await?, chat);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_is_known_live_is_not_imported_and_what_was_imported_is_not_heard_again() -> Result<()>
{
    let scene = Scene::open().await?;
    scene.hear(&[text(ZOE, "wamid.live", "Hello")]).await?;
    let live = scene.conversation_of(ZOE).await?;
    let both = [
        said(ZOE, "wamid.live", THEN, "Hello", "READ"),
        said(ZOE, "wamid.old", THEN, "Long ago", "READ"),
    ];
    let answer = scene.import(part(ZOE, &both, 10)).await?;
    assert_eq!(
        only(&answer, "stored duplicate"),
        json!({"stored": 2, "duplicate": 1})
    );
    assert_eq!(scene.again(&live).await?, live, "the live one is untouched");
    let late = scene.hear(&[text(ZOE, "wamid.old", "Long ago")]).await?;
    assert_eq!(late["duplicate"], 1);
    assert_eq!(scene.again(&live).await?["last_seq"], live["last_seq"]);
    assert_eq!(scene.count("mod_chat_messages").await?, 2);
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn parts_of_the_past_join_one_conversation_and_stand_in_order() -> Result<()> {
    let scene = Scene::open().await?;
    let mut newer = said(ZOE, "wamid.p3", THEN + 100, "newer", "READ");
    newer["context"] = json!({"id": "wamid.p2"});
    scene.import(part(ZOE, &[newer], 10)).await?;
    let mut quotes = said(BUSINESS, "wamid.p2", THEN + 20, "middle", "PLAYED");
    quotes["context"] = json!({"id": "wamid.p1"});
    scene
        .import(part(
            ZOE,
            &[quotes, said(ZOE, "wamid.p1", THEN, "oldest", "READ")],
            80,
        ))
        .await?;
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    let shown = scene
        .rows("select content, seq from mod_chat_messages order by sent_at, seq")
        .await?;
    assert_eq!(
        json!(shown),
        json!([{"content": "oldest", "seq": 2}, {"content": "middle", "seq": 3}, {"content": "newer", "seq": 1}])
    );
    assert_eq!(
        scene.message("wamid.p2").await?["reply_to_id"],
        scene.message("wamid.p1").await?["id"]
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_file_of_the_past_follows_its_message_or_waits_for_it() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .import(part(ZOE, &[placeholder(BUSINESS, "wamid.p1")], 10))
        .await?;
    assert_eq!(
        only(&scene.message("wamid.p1").await?, "kind file_state"),
        json!({"kind": "unsupported", "file_state": null})
    );
    for enqueued in [1, 0] {
        let answer = scene
            .import(json!({"messages": [file(BUSINESS, "wamid.p1")]}))
            .await?;
        assert_eq!(answer["enqueued"], enqueued);
    }
    // Who sent it is known from its message only, which comes later here.
    let early = scene
        .import(json!({"messages": [file(BUSINESS, "wamid.p2")]}))
        .await?;
    assert_eq!(only(&early, "stored dead"), json!({"stored": 1, "dead": 0}));
    scene
        .import(part(ZOE, &[placeholder(BUSINESS, "wamid.p2")], 20))
        .await?;
    // Of the person themselves it says all.
    scene
        .import(json!({"messages": [file(ZOE, "wamid.p3")]}))
        .await?;
    for (wamid, sender) in [
        ("wamid.p1", "agent"),
        ("wamid.p2", "agent"),
        ("wamid.p3", "visitor"),
    ] {
        let message = scene.message(wamid).await?;
        assert_eq!(
            only(
                &message,
                "sender_type kind content_type content file_state origin"
            ),
            json!({"sender_type": sender, "kind": "image", "content_type": "image", "content": "Then",
                "file_state": "pending", "origin": "history"}),
            "{wamid}"
        );
        assert_eq!(message["metadata"]["media"]["id"], format!("media-{wamid}"));
        assert_eq!(message["metadata"].get("reason"), None);
    }
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.fetch_media'")
            .await?,
        3
    );
    assert_eq!(scene.count("chat.orphan_statuses").await?, 0);
    assert_eq!(scene.count("realtime.messages").await?, 0);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_happens_now_to_an_old_message_counts() -> Result<()> {
    let scene = Scene::open().await?;
    let window = "select whatsapp_window_expires_at > now() as is_open from mod_chat_conversations";
    let reacts = |emoji: &str| {
        json!({"from": ZOE, "id": format!("wamid.{emoji}"), "timestamp": jiff::Timestamp::now().as_second().to_string(),
            "type": "reaction", "reaction": {"message_id": "wamid.p1", "emoji": emoji}})
    };
    scene
        .hear_statuses(&[status(ZOE, "wamid.p1", "read", "")])
        .await?;
    scene
        .import(part(
            ZOE,
            &[said(BUSINESS, "wamid.p1", THEN, "Offer", "SENT")],
            5,
        ))
        .await?;
    assert_eq!(scene.message("wamid.p1").await?["delivery_state"], "read");
    // One that the import brings opens nothing, one of now does.
    let mut imported = reacts("👍");
    imported["history_context"] = json!({"status": "READ"});
    scene.import(part(ZOE, &[imported], 6)).await?;
    assert_ne!(scene.row(window).await?["is_open"], true);
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    let mut now = reacts("❤️");
    now["timestamp"] = json!(jiff::Timestamp::now().as_second() + 2);
    scene.hear(&[now]).await?;
    assert_eq!(scene.row(window).await?["is_open"], true);
    let reactions = scene.message("wamid.p1").await?["reactions"].clone();
    let emoji: Vec<_> = reactions
        .as_object()
        .expect("an object")
        .values()
        .map(|r| r["emoji"].clone())
        .collect();
    assert_eq!(emoji, ["❤️"]);
    Ok(())
}

#[tokio::test]
async fn nobody_answers_into_the_past() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .import(part(ZOE, &[said(ZOE, "wamid.p1", THEN, "Hi", "READ")], 5))
        .await?;
    let chat = scene.past().await?;
    let refusal = Refusal::expect(scene.try_answer(ada, &chat, "Hello").await);
    assert_eq!(
        refusal.detail.as_deref(),
        Some("chat/conversation_not_open")
    );
    // Whoever takes it up goes on in it.
    scene.patch(ada, &chat, "status = 'pending'").await?;
    scene.hear_text(ZOE, "wamid.now", "Me again").await?;
    assert_eq!(
        scene.message("wamid.now").await?["conversation_id"],
        chat["id"]
    );
    scene
        .import(part(
            ZOE,
            &[said(ZOE, "wamid.p0", THEN - 9, "Older", "READ")],
            9,
        ))
        .await?;
    let now = scene.past().await?;
    assert_eq!(
        only(&now, "status message_count archived_at"),
        json!({"status": "active", "message_count": 3, "archived_at": null})
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_past_is_promised_something_from_when_it_was_opened_whoever_has_it_since() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let adam = scene.admin().await?;
    scene
        .as_boss(&format!(
            "select chat_save_sla('{}', resolution_seconds => 3600)",
            scene.site.id
        ))
        .await?;
    scene
        .import(part(ZOE, &[said(ZOE, "wamid.p1", THEN, "Hi", "READ")], 5))
        .await?;
    let chat = scene.past().await?;
    scene.patch(ada, &chat, "status = 'pending'").await?;
    let clock = format!("chat_sla_of({}) -> 'clocks' -> 0", id(&chat));
    let began = scene.ask(adam, &clock).await?["started_at"].clone();
    assert!(began.is_string(), "{began}");
    for (whose, change) in [
        ("nobody's", "assigned_agent_id = null".to_owned()),
        ("the admin's", format!("assigned_agent_id = '{}'", adam.id)),
    ] {
        scene.patch(adam, &chat, &change).await?;
        let clock = scene.ask(adam, &clock).await?;
        assert_eq!(clock["started_at"], began, "{whose}");
    }
    Ok(())
}

#[tokio::test]
async fn how_far_an_import_is_stands_with_the_number() -> Result<()> {
    let scene = Scene::open().await?;
    for (progress, shown) in [(10, 10), (60, 60), (30, 60), (100, 100), (90, 100)] {
        scene.import(part(ZOE, &[], progress)).await?;
        let history = scene.import_as_shown().await?;
        assert_eq!(history["progress"], shown);
        let state = if shown == 100 { "done" } else { "importing" };
        assert_eq!(history["state"], state);
    }
    Ok(())
}

#[tokio::test]
async fn a_past_that_is_not_shared_is_shown_as_such() -> Result<()> {
    let scene = Scene::open().await?;
    let declined = json!({"history": [{"errors": [{"code": 2_593_109, "title": "History sharing is turned off",
        "message": "History sharing is turned off", "error_data": {"details": "The business declined"}}]}]});
    let body = body_of(&scene.number, "history", declined);
    assert_eq!(scene.take(&body).await?["stored"], 1);
    assert_eq!(scene.take(&body).await?["duplicate"], 1);
    let history = scene.import_as_shown().await?;
    assert_eq!(history["state"], "declined");
    assert_eq!(history["error"]["code"], 2_593_109);
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.history_changed'")
            .await?,
        1
    );
    // Without the number it is the account's only one; of an account with two nobody can tell.
    let mut without = body.clone();
    without["entry"][0]["changes"][0]["value"]
        .as_object_mut()
        .expect("an object")
        .remove("metadata");
    assert_eq!(scene.take(&without).await?["duplicate"], 1);
    scene
        .as_owner(
            "insert into chat.whatsapp_numbers (site_id, account_id, phone_number_id, confirmed_at)
            select site_id, account_id, '2', now() from chat.whatsapp_numbers",
        )
        .await?;
    assert_eq!(scene.take(&without).await?["dead"], 1);
    Ok(())
}

#[tokio::test]
async fn an_import_of_many_is_stored_whole_in_short_transactions() -> Result<()> {
    let scene = Scene::open().await?;
    let threads: Vec<_> = (0..40)
        .map(|t| {
            let phone = format!("1555020{t:04}");
            let messages: Vec<_> = (0..50)
                .map(|m| {
                    let from = if m % 2 == 0 { &phone } else { BUSINESS };
                    said(from, &format!("wamid.{t}.{m}"), THEN + m, "words", "READ")
                })
                .collect();
            json!({"id": phone, "messages": messages})
        })
        .collect();
    let value = json!({"history": [{"metadata": {"phase": 1, "chunk_order": 1, "progress": 100}, "threads": threads}]});
    for (stored, duplicate) in [(2_001, 0), (0, 2_001)] {
        let answer = scene.import(value.clone()).await?;
        assert_eq!(
            answer,
            json!({"stored": stored, "duplicate": duplicate, "dead": 0, "enqueued": 0})
        );
    }
    assert_eq!(
        scene
            .count("mod_chat_conversations where is_history")
            .await?,
        40
    );
    assert_eq!(scene.count("mod_chat_messages").await?, 2_000);
    let arrivals = scene
        .rows(&format!(
            "select r from chat.recorded_chats('{}', to_timestamp({THEN}) - interval '1 day', now()) r",
            scene.site.id
        ))
        .await?;
    assert!(arrivals.is_empty(), "nobody came");
    assert_counters_equal_recount(&scene.db).await
}
