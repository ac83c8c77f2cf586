//! Templates that are sent: filled before anything is queued, refused in words, and while the window is closed.

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use super::templates::{body, refused, template};
use crate::scene::{Scene, ZOE, id, only};

#[tokio::test]
async fn lesson_47_a_forgotten_parameter_is_named_and_nothing_is_queued() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.has_templates(json!([template("order", json!([
        {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}, {"type": "BODY", "text": "Hi {{1}}"}]))])).await?;
    let conversation = scene.visit(ZOE).await?;
    let (sqlstate, code, words) = refused(
        scene
            .send_template(ada, &conversation, "'order', parameters => '[\"Zoe\"]'")
            .await,
    );
    assert_eq!(
        (sqlstate.as_str(), code.as_str()),
        ("PT422", "chat/template_parameters")
    );
    assert!(words.starts_with("header {{1}} is missing"), "{words}");
    let many = format!("'order', parameters => '[\"{}\"]'", "x".repeat(70_000));
    assert_eq!(
        refused(scene.send_template(ada, &conversation, &many).await).1,
        "chat/template_parameters"
    );
    assert_eq!(
        scene
            .count("mod_chat_messages where kind = 'template'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_template_reaches_somebody_whose_window_is_closed() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template(
            "order",
            body("Hi {{1}}, order {{2}} left.")
        )]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    scene.as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() - interval '1 hour'").await?;
    let made = Uuid::new_v4();
    let call = format!("'order', 'en-US', '[\"Zoe\", 42]', id => '{made}'");
    let sent = scene
        .send_template(ada, &conversation, &call)
        .await?
        .remove(0);
    assert_eq!(
        only(
            &sent,
            "kind content_type content delivery_state sender_name"
        ),
        json!({"kind": "template", "content_type": "whatsapp_template", "content": "Hi Zoe, order 42 left.",
            "delivery_state": "queued", "sender_name": "Ada"})
    );
    let components = json!([{"type": "body", "parameters": [{"type": "text", "text": "Zoe"}, {"type": "text", "text": "42"}]}]);
    assert_eq!(
        sent["metadata"]["template"],
        json!({"name": "order", "language": "en_US", "category": "UTILITY", "components": components, "parameters": ["Zoe", 42]})
    );
    // Asked again, whatever became of the template: the same message, once.
    scene
        .as_owner("update chat.whatsapp_templates set status = 'PAUSED'")
        .await?;
    let again = scene
        .send_template(ada, &conversation, &call)
        .await?
        .remove(0);
    assert_eq!(again["id"], sent["id"]);
    assert_eq!(
        scene
            .count("mod_chat_messages where kind = 'template'")
            .await?,
        1
    );
    let attempt = scene.begin_send().await?;
    assert_eq!(
        attempt.said["metadata"]["template"]["components"],
        components
    );
    Ok(())
}

#[tokio::test]
async fn a_template_that_may_not_be_sent_is_refused_in_words() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    for (status, sqlstate, code) in [
        ("PAUSED", "PT409", "chat/template_paused"),
        ("PENDING", "PT409", "chat/template_not_approved"),
        ("DISABLED", "PT409", "chat/template_not_approved"),
        ("SOMETHING_NEW", "PT409", "chat/template_not_approved"),
    ] {
        scene
            .as_owner(&format!(
                "update chat.whatsapp_templates set status = '{status}'"
            ))
            .await?;
        let refusal = refused(scene.send_template(ada, &conversation, "'hello'").await);
        assert_eq!(
            (refusal.0.as_str(), refusal.1.as_str()),
            (sqlstate, code),
            "{status}"
        );
    }
    for rest in ["'nothing'", "'hello', 'pt_BR'", "null"] {
        assert_eq!(
            refused(scene.send_template(ada, &conversation, rest).await).1,
            "chat/template_unknown"
        );
    }
    let widget = scene
        .site
        .conversation(scene.site.visitor("Yuki").await?)
        .await?;
    scene.as_owner(&format!("update mod_chat_conversations set status = 'active', assigned_agent_id = '{}' where id = '{widget}'", ada.id)).await?;
    let call = format!("select chat_send_template('{widget}', 'hello')");
    assert_eq!(
        refused(scene.as_agent(ada, &call).await).1,
        "chat/not_whatsapp"
    );
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    assert_eq!(
        refused(scene.send_template(ada, &conversation, "'hello'").await).1,
        "chat/no_such_number"
    );
    Ok(())
}

#[tokio::test]
async fn who_said_stop_gets_no_marketing_and_everything_else() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut offer = template("offer", body("Sale"));
    offer["category"] = json!("MARKETING");
    scene
        .has_templates(json!([offer, template("hello", body("Hi"))]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    let says = async |wish: &str, at: i64| {
        scene
            .take(&json!({"object": "whatsapp_business_account", "entry": [{"id": scene.number.waba_id, "changes": [
                {"field": "user_preferences", "value": {"metadata": {"phone_number_id": scene.number.phone_number_id},
                    "user_preferences": [{"wa_id": ZOE, "value": wish, "category": "marketing_messages", "timestamp": at}]}}]}]}))
            .await
    };
    assert_eq!(says("stop", 2_000).await?["stored"], 1);
    says("resume", 1_000).await?; // an older wish that comes late
    let refusal = refused(scene.send_template(ada, &conversation, "'offer'").await);
    assert_eq!(
        (refusal.0.as_str(), refusal.1.as_str()),
        ("PT409", "chat/marketing_refused")
    );
    scene.send_template(ada, &conversation, "'hello'").await?;
    let row = format!(
        "insert into mod_chat_messages (conversation_id, kind, content, metadata)
            values ({}, 'template', 'Sale', '{{\"template\": {{\"name\": \"offer\", \"language\": \"en_US\"}}}}') returning *",
        id(&conversation)
    );
    let refusal = refused(scene.as_agent(ada, &row).await);
    assert_eq!(
        refusal.1, "chat/marketing_refused",
        "nor by a row of one's own"
    );
    for unknown in [
        "{\"name\": \"hidden\", \"language\": \"en_US\"}",
        "{\"name\": \"hello\", \"language\": \"pt_BR\", \"category\": \"UTILITY\"}",
    ] {
        let row = format!(
            "insert into mod_chat_messages (conversation_id, kind, content, metadata)
                values ({}, 'template', 'Sale', '{{\"template\": {unknown}}}') returning *",
            id(&conversation)
        );
        let refusal = refused(scene.as_agent(ada, &row).await);
        assert_eq!(
            refusal.1, "chat/marketing_refused",
            "nobody knows what it is"
        );
    }
    scene
        .as_owner("update chat.whatsapp_templates set category = null where name = 'offer'")
        .await?;
    let refusal = refused(scene.send_template(ada, &conversation, "'offer'").await);
    assert_eq!(refusal.1, "chat/marketing_refused");
    says("resume", 3_000).await?;
    scene.send_template(ada, &conversation, "'offer'").await?;
    let row = format!(
        "insert into mod_chat_messages (conversation_id, kind, content, metadata)
            values ({}, 'template', 'Sale', '{{\"template\": {{\"name\": \"hidden\", \"language\": \"en_US\"}}}}') returning *",
        id(&conversation)
    );
    assert_eq!(
        scene.as_agent(ada, &row).await?.len(),
        1,
        "Meta knows it, perhaps"
    );
    Ok(())
}

#[tokio::test]
async fn a_refusal_over_a_template_changes_it_and_has_it_fetched() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    scene.send_template(ada, &conversation, "'hello'").await?;
    let attempt = scene.begin_send().await?;
    scene
        .end_send(
            &attempt,
            json!({"is": "failed", "code": 132_015, "title": "Template is paused", "details": null,
            "advice": "Wait", "http": 400, "closes_window": false}),
        )
        .await?;
    assert_eq!(scene.template("hello").await?["status"], "PAUSED");
    assert_eq!(scene.tick().await?["templates"], 1);
    Ok(())
}

#[tokio::test]
async fn a_headers_file_may_be_one_of_the_bucket() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let picture = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look"}]);
    scene
        .has_templates(json!([template("look", picture)]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    let name = format!("{}_a.png", Uuid::new_v4());
    let path = format!("chat/{}/{name}", scene.site.id);
    let call = format!("'look', parameters => '{{\"header\": {{\"path\": \"{path}\"}}}}'");
    let sent = scene
        .send_template(ada, &conversation, &call)
        .await?
        .remove(0);
    assert_eq!(
        only(&sent, "file_url file_state content delivery_state"),
        json!({"file_url": path, "file_state": "ready", "content": "[image]\nLook", "delivery_state": "queued"})
    );
    let attempt = scene.begin_send().await?;
    assert_eq!(attempt.said["file"]["path"], json!(path));
    assert_eq!(
        attempt.said["metadata"]["template"]["components"],
        json!([{"type": "header", "parameters": [{"type": "image", "image": {"path": path}}]}])
    );

    let foreign = format!("chat/{}/{name}", Uuid::new_v4());
    let call = format!("'look', parameters => '{{\"header\": \"{foreign}\"}}'");
    assert_eq!(
        refused(scene.send_template(ada, &conversation, &call).await).1,
        "chat/not_your_file"
    );
    let row = format!(
        "insert into mod_chat_messages (conversation_id, kind, content, metadata) values ({}, 'template', 'Look',
            '{{\"template\": {{\"name\": \"look\", \"language\": \"en_US\", \"components\":
                [{{\"type\": \"header\", \"parameters\": [{{\"type\": \"image\", \"image\": {{\"path\": \"{path}\"}}}}]}}]}}}}') returning *",
        id(&conversation)
    );
    assert_eq!(
        refused(scene.as_agent(ada, &row).await).1,
        "chat/file_missing",
        "a row names it as its file, too"
    );
    Ok(())
}

#[tokio::test]
async fn a_carousel_is_filled_card_by_card() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let card = json!({"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}} off"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]}]});
    let wheel =
        json!([{"type": "BODY", "text": "Sale"}, {"type": "CAROUSEL", "cards": [card, card]}]);
    scene
        .has_templates(json!([template("wheel", wheel)]))
        .await?;
    let conversation = scene.visit(ZOE).await?;
    let one = "{\"header\": {\"id\": \"1\"}, \"body\": [\"10 %\"]}";
    let refusal = refused(
        scene
            .send_template(
                ada,
                &conversation,
                &format!("'wheel', parameters => '{{\"cards\": [{one}]}}'"),
            )
            .await,
    );
    assert_eq!(refusal.1, "chat/template_parameters");
    assert!(
        refusal.2.starts_with("card 2 header is missing"),
        "{refusal:?}"
    );
    let sent = scene
        .send_template(
            ada,
            &conversation,
            &format!("'wheel', parameters => '{{\"cards\": [{one}, {one}]}}'"),
        )
        .await?
        .remove(0);
    let cards = &sent["metadata"]["template"]["components"][0];
    assert_eq!(cards["type"], "carousel");
    assert_eq!(cards["cards"][1]["card_index"], 1);
    Ok(())
}
