//! An agent answers by inserting a row; what may leave becomes a job in the lane of its recipient.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Refusal, webhook};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::queue::accepted;
use crate::scene::{Scene, YUKI, ZOE, id, only};

/// SQLSTATE and code of a refusal that also names a way out.
fn refused(answer: Result<Value, sqlx::Error>) -> (String, String) {
    let refusal = Refusal::expect(answer);
    assert!(
        refusal.hint.is_some(),
        "a refusal says what to do: {refusal:?}"
    );
    (refusal.sqlstate, refusal.detail.unwrap_or_default())
}

#[tokio::test]
async fn an_answer_is_signed_by_its_agent_and_becomes_a_job() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let answer = scene.answer(ada, &conversation, "On its way").await?;
    assert_eq!(
        only(
            &answer,
            "sender_type sender_id sender_name delivery_state status seq public_seq kind"
        ),
        json!({
            "sender_type": "agent", "sender_id": ada.id, "sender_name": "Ada", "delivery_state": "queued",
            "status": "sending", "seq": 2, "public_seq": 2, "kind": "text",
        })
    );
    let job = scene.claim_send().await?;
    assert_eq!(job.payload, json!({"message_id": answer["id"]}));
    let identity = conversation["identity_id"]
        .as_str()
        .expect("whoever writes over WhatsApp has an identity");
    assert_eq!(
        job.lane,
        format!("send:{}:{identity}", scene.number.phone_number_id)
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_send_is_told_all_it_needs_and_ends_as_sent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let greeting = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    let reply = format!(
        "insert into mod_chat_messages (conversation_id, content, reply_to_id) values ({}, 'Yes', {}) returning *",
        id(&conversation),
        id(&greeting)
    );
    let answer = scene.as_agent(ada, &reply).await?.remove(0);
    let attempt = scene.begin_send().await?;
    let callback = format!("{}:1", answer["id"].as_str().unwrap());
    assert_eq!(
        only(
            &attempt.said,
            "message_id attempt phone_number_id to recipient text reply_to_wamid callback graph_version \
            account_id site_id"
        ),
        json!({
            "message_id": answer["id"], "attempt": 1, "phone_number_id": scene.number.phone_number_id, "to": ZOE,
            "recipient": null, "text": "Yes", "reply_to_wamid": format!("wamid.visit.{ZOE}"), "callback": callback,
            "graph_version": "v26.0", "account_id": scene.number.account, "site_id": scene.site.id,
        })
    );
    assert_eq!(
        scene.message_now(&answer).await?["delivery_state"],
        "sending"
    );
    scene.end_send(&attempt, accepted("wamid.out")).await?;
    assert_eq!(
        only(
            &scene.message_now(&answer).await?,
            "delivery_state status whatsapp_message_id"
        ),
        json!({"delivery_state": "accepted", "status": "sent", "whatsapp_message_id": "wamid.out"})
    );
    Ok(())
}

#[tokio::test]
async fn somebody_without_a_phone_is_answered_by_their_id() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut hello = webhook::text("", "wamid.1", "Hello");
    hello["from_user_id"] = json!("US.13491208655302741918");
    scene.hear(&[hello]).await?;
    let conversation = scene.conversation_of("US.13491208655302741918").await?;
    scene.answer(ada, &conversation, "Hello Zoe").await?;
    let attempt = scene.begin_send().await?;
    assert_eq!(
        only(&attempt.said, "to recipient"),
        json!({"to": null, "recipient": "US.13491208655302741918"})
    );
    Ok(())
}

#[tokio::test]
async fn the_spelling_graph_answers_with_is_known_from_then_on() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit("525512345678").await?;
    scene.answer(ada, &conversation, "Hola").await?;
    let attempt = scene.begin_send().await?;
    let mut answer = accepted("wamid.out");
    answer["wa_id"] = json!("5215512345678");
    scene.end_send(&attempt, answer).await?;
    assert_eq!(
        scene.conversation_of("5215512345678").await?["id"],
        conversation["id"]
    );
    Ok(())
}

#[tokio::test]
async fn free_text_is_refused_once_the_window_is_closed() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let answer = scene.try_answer(ada, &conversation, "Too late").await;
    assert_eq!(
        refused(answer),
        ("PT422".to_owned(), "chat/window_closed".to_owned())
    );
    assert_eq!(
        scene.again(&conversation).await?["last_seq"],
        1,
        "a refusal burns no number"
    );
    assert!(scene.claim_send().await.is_err());
    Ok(())
}

#[tokio::test]
async fn what_whatsapp_cannot_take_is_refused_at_once() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    for words in ["x".repeat(4_097), String::new()] {
        let answer = scene.try_answer(ada, &conversation, &words).await;
        assert_eq!(
            refused(answer),
            ("PT422".to_owned(), "chat/text_length".to_owned())
        );
    }
    scene.answer(ada, &conversation, &"ü".repeat(4_096)).await?;
    Ok(())
}

#[tokio::test]
async fn a_note_stays_in_the_house() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, is_internal_note) values ({}, 'VIP', true) returning *",
        id(&conversation)
    );
    let note = scene.as_agent(ada, &note).await?.remove(0);
    assert_eq!(
        only(&note, "kind content_type seq public_seq status"),
        json!({"kind": "note", "content_type": "note", "seq": 2, "public_seq": null, "status": "sent"})
    );
    assert!(scene.claim_send().await.is_err(), "a note makes no job");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_conversation_that_is_over_takes_notes_and_no_answers() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    let answer = scene.try_answer(ada, &conversation, "Still there?").await;
    assert_eq!(
        refused(answer),
        ("PT409".to_owned(), "chat/conversation_not_open".to_owned())
    );
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'paid', 'note') returning *",
        id(&conversation)
    );
    assert_eq!(scene.as_agent(ada, &note).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_same_row_twice_is_one_message_and_burns_no_number() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let message = Uuid::new_v4();
    let insert = |home: &Value| {
        format!(
            "insert into mod_chat_messages (id, conversation_id, content) values ('{message}', {}, 'Once') returning *",
            id(home)
        )
    };
    assert_eq!(scene.as_agent(ada, &insert(&conversation)).await?.len(), 1);
    let before = scene.again(&conversation).await?;
    assert_eq!(
        scene.as_agent(ada, &insert(&conversation)).await?.len(),
        0,
        "a repetition answers with no row"
    );
    assert_eq!(scene.again(&conversation).await?, before);
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        1
    );

    let other = scene.visit(YUKI).await?;
    let answer = scene.as_agent(ada, &insert(&other)).await.map(Value::from);
    assert_eq!(
        refused(answer),
        ("PT409".to_owned(), "chat/id_in_use".to_owned())
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn answers_to_one_person_leave_one_after_the_other() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let yuki = scene.visit(YUKI).await?;
    for words in ["first", "second", "third"] {
        scene.answer(ada, &zoe, words).await?;
    }
    scene.answer(ada, &yuki, "to somebody else").await?;
    let sends = scene
        .claim(8)
        .await?
        .into_iter()
        .filter(|job| job.kind == "whatsapp.send_message")
        .collect::<Vec<_>>();
    assert_eq!(sends.len(), 2, "one a person: {sends:?}");
    for job in &sends {
        scene
            .end(
                job,
                json!({"is": "retry", "after_seconds": 0, "why": "not yet"}),
            )
            .await?;
    }
    let mut texts = Vec::new();
    for n in 0..4 {
        texts.push(scene.send(&format!("wamid.{n}")).await?.said["text"].clone());
    }
    texts.retain(|text| text != "to somebody else");
    assert_eq!(texts, ["first", "second", "third"]);
    Ok(())
}

#[tokio::test]
async fn a_message_of_the_widget_needs_no_worker() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let visitor = scene.site.visitor("Ivy").await?;
    let conversation = json!({"id": scene.site.conversation(visitor).await?});
    let answer = scene.answer(ada, &conversation, "Welcome").await?;
    assert_eq!(
        only(&answer, "delivery_state status"),
        json!({"delivery_state": "sent", "status": "sent"})
    );
    assert_eq!(scene.count("chat.jobs").await?, 0);
    Ok(())
}
