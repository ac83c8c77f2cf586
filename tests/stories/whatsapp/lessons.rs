//! What other integrations got wrong and no other story shows, by the number it has in docs/lessons.md.

use anyhow::Result;
use pg_chat_tests::webhook::{self, body_of_messages, body_of_statuses, status, text};
use serde_json::{Value, json};
use uuid::Uuid;

use super::templates::{body, template};
use crate::scene::{Scene, YUKI, ZOE, id, uuid_of};

const YUKIS_ID: &str = "US.13491208655302741918";

/// The `value` of a body's only change.
fn value(body: &mut Value) -> &mut Value {
    &mut body["entry"][0]["changes"][0]["value"]
}

#[tokio::test]
async fn lesson_08_nothing_beside_a_message_or_status_has_to_be_there() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut nobody_named = body_of_messages(&scene.number, &[text(ZOE, "wamid.1", "Hello")]);
    value(&mut nobody_named)["contacts"] = json!([{"wa_id": ZOE}]);
    scene.take(&nobody_named).await?;
    let mut no_contacts = body_of_messages(&scene.number, &[text(ZOE, "wamid.2", "Anybody?")]);
    value(&mut no_contacts)
        .as_object_mut()
        .expect("an object")
        .remove("contacts");
    scene.take(&no_contacts).await?;
    let chat = scene.conversation_of(ZOE).await?;
    assert_eq!(chat["inbound_count"], 2);

    let answer = scene.answer(ada, &chat, "Yes").await?;
    let attempt = scene.send("wamid.out").await?;
    let read = status(ZOE, "wamid.out", "read", attempt.callback());
    let mut ticks = body_of_statuses(&scene.number, &[read]);
    value(&mut ticks)["contacts"] = json!([{"profile": {}}, {}]);
    scene.take(&ticks).await?;
    assert_eq!(scene.message_now(&answer).await?["delivery_state"], "read");
    Ok(())
}

#[tokio::test]
async fn lesson_16_the_statuses_of_a_message_are_no_message_events() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.answer(ada, &chat, "Hello Zoe").await?;
    let attempt = scene.send("wamid.out").await?;
    let events = "chat.events where name like 'chat.message.%'";
    let before = scene.count(events).await?;
    for word in ["sent", "delivered", "read", "read"] {
        let status = status(ZOE, "wamid.out", word, attempt.callback());
        scene.hear_statuses(&[status]).await?;
    }
    assert_eq!(scene.count(events).await?, before);
    Ok(())
}

#[tokio::test]
async fn lesson_19_how_a_business_number_is_written_decides_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let second = scene.site.number(&scene.db, "225000000000001").await?;
    for (n, shown) in ["+225 07 08 09 10 11", "08091011", ""].iter().enumerate() {
        for number in [&scene.number, &second] {
            let wamid = format!("wamid.{n}.{}", number.phone_number_id);
            let mut body = body_of_messages(number, &[text(ZOE, &wamid, "Hello")]);
            value(&mut body)["metadata"]["display_phone_number"] = json!(shown);
            webhook::take(&scene.db, number, &body).await?;
        }
    }
    let conversations = scene
        .rows("select phone_number_id, inbound_count from mod_chat_conversations order by 1")
        .await?;
    assert_eq!(
        json!(conversations),
        json!([{"phone_number_id": "106540352242922", "inbound_count": 3},
            {"phone_number_id": "225000000000001", "inbound_count": 3}])
    );
    Ok(())
}

#[tokio::test]
async fn lesson_27_somebody_without_a_phone_is_in_every_list_and_found() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut message = text("", "wamid.1", "Where is my umbrella?");
    message.as_object_mut().expect("an object").remove("from");
    message["from_user_id"] = json!(YUKIS_ID);
    let mut body = body_of_messages(&scene.number, &[message]);
    value(&mut body)["contacts"] =
        json!([{"user_id": YUKIS_ID, "profile": {"name": "Yuki", "username": "yuki.s"}}]);
    scene.take(&body).await?;
    let chat = scene.conversation_of(YUKIS_ID).await?;
    let site = scene.site.id;

    let inbox = scene.as_agent(ada, "select * from chat_inbox()").await?;
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    assert_eq!(inbox[0]["id"], chat["id"]);
    for words in ["umbrella", "Yuki"] {
        let found = scene
            .as_agent(
                ada,
                &format!("select * from chat_inbox('{{\"search\": \"{words}\"}}')"),
            )
            .await?;
        assert_eq!(found.len(), 1, "{words}");
    }
    let found = scene
        .as_agent(
            ada,
            &format!("select chat_search('{site}', 'umbrella') as said"),
        )
        .await?;
    assert_eq!(found[0]["said"]["hits"].as_array().map(Vec::len), Some(1));
    let seen = scene
        .as_agent(ada, "select name, whatsapp_phone from mod_chat_visitors")
        .await?;
    assert_eq!(
        json!(seen),
        json!([{"name": "Yuki", "whatsapp_phone": null}])
    );
    Ok(())
}

#[tokio::test]
async fn lesson_29_people_who_were_merged_are_each_answered_where_they_wrote() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, yuki) = (scene.visit(ZOE).await?, scene.visit(YUKI).await?);
    let visitor =
        |chat: &Value| -> Result<Uuid> { Ok(serde_json::from_value(chat["visitor_id"].clone())?) };
    let merge = format!(
        "select * from chat_merge_visitors('{}', '{}')",
        visitor(&yuki)?,
        visitor(&zoe)?
    );
    scene.as_boss(&merge).await?;
    for (chat, phone) in [(&zoe, ZOE), (&yuki, YUKI)] {
        scene
            .hear_text(phone, &format!("wamid.again.{phone}"), "me again")
            .await?;
        let home = scene.message(&format!("wamid.again.{phone}")).await?;
        assert_eq!(home["conversation_id"], chat["id"]);
        scene.answer(ada, chat, "Hello").await?;
        let attempt = scene.send(&format!("wamid.to.{phone}")).await?;
        assert_eq!(attempt.said["to"], phone);
    }
    Ok(())
}

#[tokio::test]
async fn lesson_42_what_was_planned_does_not_leave_after_the_window_either() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let plan = format!(
        "select chat_schedule_message({}, 'How did we do?', now() + interval '1 hour') as plan",
        id(&chat)
    );
    scene.as_agent(ada, &plan).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() - interval '1 hour'")
        .await?;
    scene
        .as_owner("select chat.send_scheduled(10, now() + interval '2 hours')")
        .await?;
    let plan = scene
        .row("select state, error from chat.scheduled_messages")
        .await?;
    assert_eq!(plan["state"], "failed");
    assert_eq!(plan["error"]["code"], "chat/window_closed");
    assert_eq!(
        scene
            .count("mod_chat_messages where sender_type <> 'visitor'")
            .await?,
        0
    );
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn lesson_43_a_number_beside_the_business_app_sends_templates_as_well() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .as_owner(
            "update chat.whatsapp_numbers set details = details || '{\"is_on_biz_app\": true}'",
        )
        .await?;
    let chat = scene.visit(ZOE).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() - interval '1 hour'")
        .await?;
    let sent = scene
        .as_agent(
            ada,
            &format!(
                "insert into mod_chat_messages (conversation_id, content_type, kind, content, metadata)
                values ({}, 'whatsapp_template', 'template', 'Your order left',
                    '{{\"template\": {{\"name\": \"order\", \"language\": \"en\"}}}}') returning *",
                id(&chat)
            ),
        )
        .await?;
    assert_eq!(sent[0]["delivery_state"], "queued");
    assert_eq!(
        scene.begin_send().await?.said["message_id"],
        json!(uuid_of(&sent[0]))
    );
    Ok(())
}

#[tokio::test]
async fn lesson_46_a_named_parameter_leaves_under_its_name() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut order = template("order", body("Hi {{first_name}}, order {{number}} left."));
    order["parameter_format"] = json!("NAMED");
    scene.has_templates(json!([order])).await?;
    let chat = scene.visit(ZOE).await?;
    let given = "'order', 'en_US', '{\"body\": {\"number\": \"42\", \"first_name\": \"Zoe\"}}'";
    let sent = scene.send_template(ada, &chat, given).await?;
    assert_eq!(sent[0]["content"], "Hi Zoe, order 42 left.");
    let parameter = |name, text| json!({"type": "text", "parameter_name": name, "text": text});
    assert_eq!(
        scene.begin_send().await?.said["metadata"]["template"]["components"],
        json!([{"type": "body", "parameters": [parameter("first_name", "Zoe"), parameter("number", "42")]}])
    );
    Ok(())
}
