//! A number that the business uses in its phone as well: what is written there is an answer of the business and of no agent.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of, status};
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::queue::accepted;
use crate::scene::{Scene, ZOE, id, only};

const BUSINESS: &str = "15550100001";

pub fn seconds_ago(seconds: i64) -> String {
    (jiff::Timestamp::now().as_second() - seconds).to_string()
}

/// What the business wrote to Zoe in its phone, as Meta repeats it.
pub fn echo(wamid: &str, words: &str) -> Value {
    json!({"from": BUSINESS, "to": ZOE, "id": wamid, "timestamp": seconds_ago(0), "type": "text", "text": {"body": words}})
}

/// The same about another message: an edit, a revoke or a reaction.
fn about(wamid: &str, kind: &str, content: Value, ago: i64) -> Value {
    let mut echo = json!({"from": BUSINESS, "to": ZOE, "id": wamid, "timestamp": seconds_ago(ago), "type": kind});
    echo[kind] = content;
    echo
}

pub fn edited(wamid: &str, of: &str, words: &str, ago: i64) -> Value {
    let message = json!({"type": "text", "text": {"body": words}});
    about(
        wamid,
        "edit",
        json!({"original_message_id": of, "message": message}),
        ago,
    )
}

impl Scene {
    pub async fn hear_echoes(&self, echoes: &[Value]) -> Result<Value> {
        let contacts = json!([{"wa_id": ZOE, "profile": {"name": "Zoe"}}]);
        let value = json!({"contacts": contacts, "message_echoes": echoes});
        self.take(&body_of(&self.number, "smb_message_echoes", value))
            .await
    }

    async fn jobs(&self, kind: &str) -> Result<i64> {
        self.count(&format!("chat.jobs where kind = '{kind}'"))
            .await
    }
}

async fn scene_with_zoe() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    Ok((scene, ada, chat))
}

#[tokio::test]
async fn lesson_52_what_the_phone_app_sends_is_shown_and_never_sent_again() -> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    let answer = scene
        .hear_echoes(&[echo("wamid.echo", "Be right there")])
        .await?;
    assert_eq!(
        answer,
        json!({"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 0})
    );
    let message = scene.message("wamid.echo").await?;
    assert_eq!(
        only(
            &message,
            "conversation_id sender_type sender_id sender_name origin content delivery_state status seq public_seq"
        ),
        json!({"conversation_id": chat["id"], "sender_type": "agent", "sender_id": null, "sender_name": null,
            "origin": "echo", "content": "Be right there", "delivery_state": "sent", "status": "sent", "seq": 2,
            "public_seq": 2})
    );
    assert_eq!(message["metadata"]["source"], "phone_app");
    assert_eq!(scene.jobs("whatsapp.send_message").await?, 0);
    assert_eq!(scene.count("chat.attempts").await?, 0);

    let now = scene.again(&chat).await?;
    assert_eq!(
        only(
            &now,
            "status assigned_agent_id unread_agent_count inbound_count outbound_public_count last_message_text \
            last_message_by whatsapp_window_expires_at"
        ),
        json!({"status": "active", "assigned_agent_id": ada.id, "unread_agent_count": chat["unread_agent_count"],
            "inbound_count": 1, "outbound_public_count": 1, "last_message_text": "Be right there",
            "last_message_by": "agent", "whatsapp_window_expires_at": chat["whatsapp_window_expires_at"]})
    );
    assert!(
        !now["first_response_time_seconds"].is_null(),
        "the business has answered"
    );
    assert_eq!(
        scene.count("chat.agent_deeds").await?,
        0,
        "no agent has answered"
    );
    // The read mark is of what Zoe wrote.
    let marks = scene
        .rows(
            "select payload ->> 'wamid' as wamid from chat.jobs where kind = 'whatsapp.mark_read'",
        )
        .await?;
    assert!(marks.iter().all(|mark| mark["wamid"] != "wamid.echo"));

    let again = scene
        .hear_echoes(&[echo("wamid.echo", "Be right there")])
        .await?;
    assert_eq!(again["duplicate"], 1);
    for word in ["read", "delivered"] {
        scene
            .hear_statuses(&[status(ZOE, "wamid.echo", word, "")])
            .await?;
    }
    assert_eq!(
        scene.message("wamid.echo").await?["delivery_state"],
        "read",
        "its ticks only go forward"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_status_that_was_faster_than_its_echo_is_applied() -> Result<()> {
    let (scene, ..) = scene_with_zoe().await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.echo", "delivered", "")])
        .await?;
    scene.hear_echoes(&[echo("wamid.echo", "There")]).await?;
    assert_eq!(
        scene.message("wamid.echo").await?["delivery_state"],
        "delivered"
    );
    assert_eq!(scene.count("chat.orphan_statuses").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_failed_in_the_phone_is_not_sent_from_here() -> Result<()> {
    let (scene, ada, _) = scene_with_zoe().await?;
    scene.hear_echoes(&[echo("wamid.echo", "There")]).await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.echo", "failed", "")])
        .await?;
    let message = scene.message("wamid.echo").await?;
    let resend = format!("select * from chat_resend_message({})", id(&message));
    let refusal = Refusal::expect(scene.as_agent(ada, &resend).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/nothing_to_resend"));
    assert_eq!(scene.jobs("whatsapp.send_message").await?, 0);
    Ok(())
}

#[tokio::test]
async fn lesson_53_an_echo_of_our_own_message_is_no_second_one_and_equal_words_are_two()
-> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    // The answer of the send came first.
    scene.answer(ada, &chat, "On its way").await?;
    scene.send("wamid.out").await?;
    assert_eq!(
        scene
            .hear_echoes(&[echo("wamid.out", "On its way")])
            .await?["duplicate"],
        1
    );
    // The same words in the phone are another message.
    scene
        .hear_echoes(&[echo("wamid.phone", "On its way")])
        .await?;
    let count = "mod_chat_messages where content = 'On its way'";
    assert_eq!(scene.count(count).await?, 2);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn lesson_53_an_echo_that_names_our_attempt_settles_it() -> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    scene.answer(ada, &chat, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, crate::queue::unknown()).await?;
    let mut named = echo("wamid.out", "On its way");
    named["biz_opaque_callback_data"] = json!(attempt.callback());
    assert_eq!(scene.hear_echoes(&[named]).await?["stored"], 1);
    let message = scene.message("wamid.out").await?;
    assert_eq!(
        only(&message, "origin delivery_state sender_id"),
        json!({"origin": "live", "delivery_state": "accepted", "sender_id": ada.id})
    );
    assert_eq!(scene.count("mod_chat_messages").await?, 2);
    assert_eq!(scene.jobs("whatsapp.send_message").await?, 0);
    Ok(())
}

#[tokio::test]
async fn lesson_53_an_echo_that_comes_before_the_answer_of_the_send_gives_way_to_it() -> Result<()>
{
    for told_by_status in [false, true] {
        let (scene, ada, chat) = scene_with_zoe().await?;
        let ours = scene.answer(ada, &chat, "On its way").await?;
        let attempt = scene.begin_send().await?;
        scene
            .hear_echoes(&[echo("wamid.out", "On its way")])
            .await?;
        let echoed = scene.message("wamid.out").await?;
        assert_eq!(echoed["origin"], "echo", "nothing tells that it is ours");
        scene
            .hear_statuses(&[status(ZOE, "wamid.out", "delivered", "")])
            .await?;
        if told_by_status {
            scene
                .hear_statuses(&[status(ZOE, "wamid.out", "read", attempt.callback())])
                .await?;
        }
        scene.end_send(&attempt, accepted("wamid.out")).await?;
        let state = if told_by_status { "read" } else { "delivered" };
        assert_eq!(
            only(
                &scene.message("wamid.out").await?,
                "id origin delivery_state"
            ),
            json!({"id": ours["id"], "origin": "live", "delivery_state": state})
        );
        let gone = scene.message_now(&echoed).await?;
        assert!(!gone["deleted_at"].is_null() && gone["content"].is_null());
        assert_eq!(gone["metadata"]["same_as"], ours["id"]);
        assert_counters_equal_recount(&scene.db).await?;
    }
    Ok(())
}

#[tokio::test]
async fn lesson_54_a_quote_in_the_phone_points_at_what_it_answers() -> Result<()> {
    let (scene, ..) = scene_with_zoe().await?;
    let mut quoting = echo("wamid.echo", "This one");
    quoting["context"] = json!({"from": ZOE, "id": format!("wamid.visit.{ZOE}")});
    scene.hear_echoes(&[quoting]).await?;
    let quoted = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    assert_eq!(
        scene.message("wamid.echo").await?["reply_to_id"],
        quoted["id"]
    );
    // And Zoe's quote of what the phone sent.
    let mut answer = pg_chat_tests::webhook::text(ZOE, "wamid.2", "Yes, that");
    answer["context"] = json!({"from": BUSINESS, "id": "wamid.echo"});
    scene.hear(&[answer]).await?;
    assert_eq!(
        scene.message("wamid.2").await?["reply_to_id"],
        scene.message("wamid.echo").await?["id"]
    );
    Ok(())
}

#[tokio::test]
async fn a_file_of_the_phone_is_fetched_as_any() -> Result<()> {
    let (scene, ..) = scene_with_zoe().await?;
    let image =
        json!({"id": "media-1", "mime_type": "image/jpeg", "sha256": "c2hh", "caption": "Here"});
    let answer = scene
        .hear_echoes(&[about("wamid.echo", "image", image, 0)])
        .await?;
    assert_eq!(answer["enqueued"], 1);
    let message = scene.message("wamid.echo").await?;
    assert_eq!(
        only(&message, "kind content file_state origin"),
        json!({"kind": "image", "content": "Here", "file_state": "pending", "origin": "echo"})
    );
    assert_eq!(scene.jobs("whatsapp.fetch_media").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_the_phone_changes_is_changed_here_and_late_words_undo_nothing() -> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    scene.answer(ada, &chat, "At nine").await?;
    scene.send("wamid.out").await?;
    scene
        .hear_echoes(&[edited("wamid.e2", "wamid.out", "At ten", 10)])
        .await?;
    let message = scene.message("wamid.out").await?;
    assert_eq!(message["content"], "At ten");
    // The same again, and an older one.
    for late in [
        edited("wamid.e2", "wamid.out", "At ten", 10),
        edited("wamid.e1", "wamid.out", "At eight", 20),
    ] {
        scene.hear_echoes(&[late]).await?;
    }
    assert_eq!(scene.message_now(&message).await?, message);
    let versions = scene
        .rows("select content, replaced_by from chat.message_versions")
        .await?;
    assert_eq!(
        json!(versions),
        json!([{"content": "At nine", "replaced_by": "phone_app"}])
    );

    scene
        .hear_echoes(&[about(
            "wamid.gone",
            "revoke",
            json!({"original_message_id": "wamid.out"}),
            5,
        )])
        .await?;
    let gone = scene.message("wamid.out").await?;
    assert!(!gone["deleted_at"].is_null() && gone["content"].is_null());
    // What Zoe wrote is not the business's to change.
    let hers = format!("wamid.visit.{ZOE}");
    let before = scene.message(&hers).await?;
    scene
        .hear_echoes(&[edited("wamid.e3", &hers, "I take it all back", 0)])
        .await?;
    assert_eq!(scene.message(&hers).await?, before);
    assert_eq!(scene.message("wamid.e3").await?["kind"], "edit");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_business_has_one_reaction_wherever_it_was_chosen() -> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    let window = chat["whatsapp_window_expires_at"].clone();
    let hers = format!("wamid.visit.{ZOE}");
    let message = scene.message(&hers).await?;
    scene
        .as_agent(ada, &format!("select chat_react({}, '👍')", id(&message)))
        .await?;
    let emoji = |emoji: &str| json!({"message_id": hers, "emoji": emoji});
    scene
        .hear_echoes(&[about("wamid.r1", "reaction", emoji("😮"), 600)])
        .await?;
    assert_eq!(
        scene.message(&hers).await?["reactions"]["agent:phone_app"],
        json!(null),
        "Ada's is newer"
    );
    scene
        .hear_echoes(&[about("wamid.r2", "reaction", emoji("❤️"), -2)])
        .await?;
    let reactions = scene.message(&hers).await?["reactions"].clone();
    assert_eq!(reactions["agent:phone_app"]["emoji"], "❤️");
    assert_eq!(reactions[format!("agent:{}", ada.id)]["emoji"], json!(null));
    assert_eq!(
        scene.again(&chat).await?["whatsapp_window_expires_at"],
        window,
        "only Zoe opens the window"
    );
    Ok(())
}

#[tokio::test]
async fn writing_first_in_the_phone_keeps_nobody_busy_until_there_is_an_answer() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .hear_echoes(&[
            echo("wamid.e1", "Your car is ready"),
            echo("wamid.e2", "Until six"),
        ])
        .await?;
    let chat = scene.conversation_of(ZOE).await?;
    assert_eq!(
        only(
            &chat,
            "status assigned_agent_id message_count unread_visitor_count whatsapp_window_expires_at session_number"
        ),
        json!({"status": "resolved", "assigned_agent_id": null, "message_count": 2, "unread_visitor_count": 2,
            "whatsapp_window_expires_at": null, "session_number": "CHAT-00000001"})
    );
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    assert_eq!(scene.name_of_zoe().await?, "Zoe");
    let told = scene
        .rows("select name from chat.events where name like 'chat.conversation.%'")
        .await?;
    assert_eq!(json!(told), json!([{"name": "chat.conversation.created"}]));

    // Days later another one; then she answers, and all of it is one conversation.
    scene
        .as_owner("update mod_chat_conversations set archived_at = now() - interval '3 days'")
        .await?;
    scene.hear_echoes(&[echo("wamid.e3", "Hello?")]).await?;
    scene.hear_text(ZOE, "wamid.z", "How much is it?").await?;
    let answered = scene.again(&chat).await?;
    assert_eq!(
        only(
            &answered,
            "status assigned_agent_id message_count unread_agent_count"
        ),
        json!({"status": "active", "assigned_agent_id": ada.id, "message_count": 4, "unread_agent_count": 1})
    );
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_echo_does_not_reopen_what_is_over() -> Result<()> {
    let (scene, ada, chat) = scene_with_zoe().await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    scene.hear_echoes(&[echo("wamid.e1", "Thanks")]).await?;
    assert_eq!(
        scene.message("wamid.e1").await?["conversation_id"],
        chat["id"]
    );
    assert_eq!(scene.again(&chat).await?["status"], "resolved");
    // Closed is for good: what is written then begins anew.
    scene.patch(ada, &chat, "status = 'closed'").await?;
    scene.hear_echoes(&[echo("wamid.e2", "By the way")]).await?;
    assert_ne!(
        scene.message("wamid.e2").await?["conversation_id"],
        chat["id"]
    );
    assert_eq!(scene.again(&chat).await?["status"], "closed");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_sites_rules_are_asked_when_the_person_answers() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    scene.hear_echoes(&[echo("wamid.e1", "Ready")]).await?;
    let rules =
        json!([{"name": "all", "if": {"channel": ["whatsapp"]}, "then": {"priority": "urgent"}}]);
    scene
        .as_boss(&format!(
            "select chat_save_routing_rules('{}', '{rules}')",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        scene.conversation_of(ZOE).await?["priority"],
        "normal",
        "nobody has come yet"
    );
    scene.hear_text(ZOE, "wamid.z", "Great").await?;
    assert_eq!(scene.conversation_of(ZOE).await?["priority"], "urgent");
    Ok(())
}
