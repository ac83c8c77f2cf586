//! Everything a business sends that is no plain text: pictures, files, places, cards, buttons, templates.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    /// An agent inserts a row, as a dashboard does: LC-01's columns and `metadata`.
    async fn post(
        &self,
        agent: Agent,
        conversation: &Value,
        row: &Value,
    ) -> Result<Value, sqlx::Error> {
        let mut row = row.clone();
        row["conversation_id"] = conversation["id"].clone();
        let columns = row.as_object().expect("a row").keys().cloned();
        let columns = columns.collect::<Vec<_>>().join(", ");
        let row = row.to_string().replace('\'', "''");
        let insert = format!(
            "insert into mod_chat_messages ({columns})
            select {columns} from jsonb_populate_record(null::mod_chat_messages, '{row}') returning *"
        );
        Ok(self.as_agent(agent, &insert).await?.remove(0))
    }

    /// A path in the bucket of this site.
    fn path(&self, name: &str) -> String {
        format!("chat/{}/{name}", self.site.id)
    }
}

fn buttons() -> Value {
    json!({"type": "button", "body": {"text": "Which one?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "The red one"}}]}})
}

fn refused<T: std::fmt::Debug>(answer: Result<T, sqlx::Error>) -> (String, String) {
    let refusal = Refusal::expect(answer);
    assert!(refusal.hint.is_some(), "it says what to do: {refusal:?}");
    (refusal.detail.unwrap_or_default(), refusal.message)
}

#[tokio::test]
async fn a_dashboard_sends_every_kind_by_inserting_a_row() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let template = json!({"template": {"name": "order", "language": "en"}});
    let rows = [
        (
            json!({"content_type": "image", "content": "The door", "file_url": scene.path("a.jpg")}),
            "image",
        ),
        (
            json!({"content_type": "video", "file_url": "https://example.org/a.mp4"}),
            "video",
        ),
        (
            json!({"content_type": "audio", "metadata": {"media": {"id": "77"}}}),
            "audio",
        ),
        (
            json!({"content_type": "audio", "kind": "voice", "metadata": {"media": {"id": "77"}}}),
            "voice",
        ),
        (
            json!({"content_type": "file", "file_url": scene.path("b.pdf"), "file_name": "Bill.pdf",
            "file_size": 12, "file_mime_type": "application/pdf"}),
            "document",
        ),
        (
            json!({"kind": "sticker", "metadata": {"media": {"link": "https://example.org/s.webp"}}}),
            "sticker",
        ),
        (
            json!({"content_type": "location", "content": "{\"latitude\": 1, \"longitude\": 2}"}),
            "location",
        ),
        (
            json!({"kind": "contacts", "metadata": {"contacts": [{"name": {"formatted_name": "Ben"}}]}}),
            "contacts",
        ),
        (
            json!({"kind": "interactive", "metadata": {"interactive": buttons()}}),
            "interactive",
        ),
        (
            json!({"content_type": "whatsapp_template", "content": "Your order", "metadata": template}),
            "template",
        ),
    ];
    for (n, (row, kind)) in rows.iter().enumerate() {
        let sent = scene.post(ada, &zoe, row).await?;
        assert_eq!(
            only(&sent, "kind delivery_state status sender_type"),
            json!({"kind": kind, "delivery_state": "queued", "status": "sending", "sender_type": "agent"})
        );
        let said = scene.send(&format!("wamid.out.{n}")).await?.said;
        assert_eq!(
            only(&said, "kind content metadata file_name"),
            only(&sent, "kind content metadata file_name")
        );
        assert_eq!(said["file"]["path"], sent["file_url"]);
    }
    let bill = scene.row("select file_name as name, file_mime_type as mime, file_size as size from mod_chat_messages where kind = 'document'").await?;
    assert_eq!(
        bill,
        json!({"name": "Bill.pdf", "mime": "application/pdf", "size": 12})
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_made_of_words_says_so_in_words() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    for (row, words) in [
        (
            json!({"kind": "interactive", "content": "else", "metadata": {"interactive": buttons()}}),
            "Which one?",
        ),
        (
            json!({"kind": "contacts", "metadata": {"contacts": [{"name": {"formatted_name": "Ben"}, "phones": [{"phone": "+1"}]}]}}),
            "Ben, +1",
        ),
        (
            json!({"kind": "location", "metadata": {"location": {"latitude": 1.5, "longitude": 2, "name": "Shop"}}}),
            r#"{"latitude":1.5,"longitude":2,"name":"Shop"}"#,
        ),
        (
            json!({"kind": "template", "content": "Your order", "metadata": {"template": {"name": "order", "language": "en"}}}),
            "Your order",
        ),
    ] {
        assert_eq!(scene.post(ada, &zoe, &row).await?["content"], words);
    }
    Ok(())
}

#[tokio::test]
async fn what_whatsapp_would_refuse_is_refused_at_once_and_names_the_field() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let mut four = buttons();
    four["action"]["buttons"] = (0..4)
        .map(|n| json!({"type": "reply", "reply": {"id": n.to_string(), "title": "T"}}))
        .collect();
    let mut long = buttons();
    long["action"]["buttons"][0]["reply"]["title"] = json!("x".repeat(21));
    for (row, code, names) in [
        (
            json!({"content_type": "image"}),
            "chat/file_missing",
            "image",
        ),
        (
            json!({"kind": "order", "content": "x"}),
            "chat/kind_not_sendable",
            "order",
        ),
        (
            json!({"kind": "voice", "content": "x", "file_url": scene.path("v.ogg")}),
            "chat/caption_length",
            "voice",
        ),
        (
            json!({"kind": "interactive", "metadata": {"interactive": four}}),
            "chat/field_count",
            "metadata.interactive.action.buttons has 1 to 3 entries, this one 4",
        ),
        (
            json!({"kind": "interactive", "metadata": {"interactive": long}}),
            "chat/field_length",
            "buttons[0].reply.title has at most 20 characters, this one 21",
        ),
        (
            json!({"kind": "contacts"}),
            "chat/field_missing",
            "metadata.contacts",
        ),
        (
            json!({"kind": "location", "content": "our shop"}),
            "chat/field_value",
            "content",
        ),
        (
            json!({"kind": "template", "content": "Hello"}),
            "chat/field_missing",
            "metadata.template",
        ),
        (
            json!({"content": "x", "metadata": {"pricing": {"billable": false}}}),
            "chat/metadata",
            "metadata.pricing",
        ),
        (
            json!({"content": "x".repeat(4_097), "metadata": {"preview_url": true}}),
            "chat/text_length",
            "4097",
        ),
    ] {
        let (said, message) = refused(scene.post(ada, &zoe, &row).await);
        assert_eq!(said, code, "{row}");
        assert!(message.contains(names), "{message}");
    }
    assert_eq!(
        scene.again(&zoe).await?["last_seq"],
        1,
        "a refusal burns no number"
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
async fn a_file_of_another_site_is_nobodys_to_send() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let ivy = scene.site.visitor("Ivy").await?;
    let ivy = json!({"id": scene.site.conversation(ivy).await?});
    for url in [
        format!("chat/{}/a.jpg", Uuid::new_v4()),
        format!("../chat/{}/a.jpg", scene.site.id),
        "a.jpg".to_owned(),
        "javascript:alert(1)".to_owned(),
        String::new(),
    ] {
        let row = json!({"content_type": "image", "file_url": url});
        for chat in [&zoe, &ivy] {
            let (said, _) = refused(scene.post(ada, chat, &row).await);
            assert_eq!(said, "chat/not_your_file", "{url}");
        }
    }
    let row = json!({"content_type": "image", "file_url": scene.path("a.jpg")});
    assert_eq!(scene.post(ada, &ivy, &row).await?["delivery_state"], "sent");
    Ok(())
}

#[tokio::test]
async fn only_a_template_leaves_after_the_window() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let picture = json!({"content_type": "image", "file_url": scene.path("a.jpg")});
    let buttons = json!({"kind": "interactive", "metadata": {"interactive": buttons()}});
    for row in [picture, buttons] {
        assert_eq!(
            refused(scene.post(ada, &zoe, &row).await).0,
            "chat/window_closed"
        );
    }
    let template =
        json!({"kind": "template", "metadata": {"template": {"name": "order", "language": "en"}}});
    scene.post(ada, &zoe, &template).await?;
    assert_eq!(scene.send("wamid.out").await?.said["kind"], "template");
    Ok(())
}

#[tokio::test]
async fn a_function_sends_each_kind_and_a_repetition_answers_the_same_row() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let greeting = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    let chat = id(&zoe);
    let interactive = buttons();
    let path = scene.path("a.pdf");
    let calls = [
        (
            format!("chat_send_text({chat}, 'See example.org', preview_url => true"),
            json!({"kind": "text", "content": "See example.org", "metadata": {"preview_url": true}, "file_url": null}),
        ),
        (
            format!(
                "chat_send_media({chat}, 'document', '{path}', 'Your bill', 'Bill.pdf', 'application/pdf', 12"
            ),
            json!({"kind": "document", "content": "Your bill", "metadata": {}, "file_url": path}),
        ),
        (
            format!("chat_send_location({chat}, 1.5, 2, 'Shop'"),
            json!({"kind": "location", "content": r#"{"latitude":1.5,"longitude":2,"name":"Shop"}"#,
                "metadata": {"location": {"latitude": 1.5, "longitude": 2, "name": "Shop"}}, "file_url": null}),
        ),
        (
            format!("chat_send_contacts({chat}, '[{{\"name\": {{\"formatted_name\": \"Ben\"}}}}]'"),
            json!({"kind": "contacts", "content": "Ben", "file_url": null,
                "metadata": {"contacts": [{"name": {"formatted_name": "Ben"}}]}}),
        ),
        (
            format!("chat_send_interactive({chat}, '{interactive}'"),
            json!({"kind": "interactive", "content": "Which one?", "metadata": {"interactive": interactive}, "file_url": null}),
        ),
    ];
    for (call, row) in calls {
        let message = Uuid::new_v4();
        let ask = format!(
            "select * from {call}, id => '{message}', reply_to => {})",
            id(&greeting)
        );
        let sent = scene.as_agent(ada, &ask).await?;
        assert_eq!(sent.len(), 1);
        assert_eq!(only(&sent[0], "kind content metadata file_url"), row);
        assert_eq!(
            only(&sent[0], "id sender_id sender_name reply_to_id"),
            json!({"id": message, "sender_id": ada.id, "sender_name": "Ada", "reply_to_id": greeting["id"]})
        );
        assert_eq!(scene.as_agent(ada, &ask).await?, sent, "once");
    }
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        5
    );
    Ok(())
}

#[tokio::test]
async fn a_function_says_what_it_cannot_send() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = id(&scene.visit(ZOE).await?);
    let ivy = scene.site.visitor("Ivy").await?;
    let ivy = scene.site.conversation(ivy).await?;
    for (call, code) in [
        (
            format!("chat_send_media({zoe}, 'text', 'x')"),
            "chat/file_kind",
        ),
        (
            format!("chat_send_media({zoe}, 'image', '')"),
            "chat/file_missing",
        ),
        (
            format!("chat_send_location({zoe}, 91, 0)"),
            "chat/field_value",
        ),
        (
            format!("chat_send_location('{ivy}', 1, 0)"),
            "chat/not_whatsapp",
        ),
        (
            format!("chat_send_text('{}', 'x')", Uuid::new_v4()),
            "chat/no_such_conversation",
        ),
    ] {
        let (said, _) = refused(scene.as_agent(ada, &format!("select * from {call}")).await);
        assert_eq!(said, code, "{call}");
    }
    Ok(())
}
