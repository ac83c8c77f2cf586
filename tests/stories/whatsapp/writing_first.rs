//! A person who never wrote is written to: by a template, in whatever spelling their number comes.

use anyhow::Result;
use pg_chat_tests::Agent;
use serde_json::{Value, json};
use uuid::Uuid;

use super::templates::{body, refused, template};
use crate::scene::{Scene, ZOE, only, uuid_of};

/// Brazil, with and without the ninth digit.
const NEW_FORM: &str = "5511987654321";
const OLD_FORM: &str = "551187654321";

impl Scene {
    /// Who writes to a phone first.
    async fn start(&self, agent: Agent, to: &str, rest: &str) -> Result<Vec<Value>, sqlx::Error> {
        let site = self.site.id;
        self.as_agent(
            agent,
            &format!("select * from chat_start_whatsapp('{site}', '{to}', {rest})"),
        )
        .await
    }
}

#[tokio::test]
async fn somebody_who_never_wrote_is_written_to_and_their_answer_comes_home() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template("hello", body("Hi {{1}}"))]))
        .await?;
    let made = Uuid::new_v4();
    let call = format!("'hello', parameters => '[\"Zoe\"]', name => 'Zoe', id => '{made}'");
    let home = scene
        .start(ada, "+1 (555) 010-0002", &call)
        .await?
        .remove(0);
    assert_eq!(
        only(&home, "channel phone_number_id status assigned_agent_id"),
        json!({"channel": "whatsapp", "phone_number_id": scene.number.phone_number_id, "status": "active", "assigned_agent_id": ada.id})
    );
    let visitor = scene
        .row("select name, whatsapp_phone, channel from mod_chat_visitors")
        .await?;
    assert_eq!(
        visitor,
        json!({"name": "Zoe", "whatsapp_phone": ZOE, "channel": "whatsapp"})
    );
    // The connection broke and the client asks again.
    let again = scene.start(ada, ZOE, &call).await?.remove(0);
    assert_eq!(again["id"], home["id"]);
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    let attempt = scene.begin_send().await?;
    assert_eq!(attempt.said["to"], ZOE);
    scene.hear_text(ZOE, "wamid.back", "Hello!").await?;
    assert_eq!(
        scene.message("wamid.back").await?["conversation_id"],
        home["id"]
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    Ok(())
}

#[tokio::test]
async fn lesson_24_a_number_in_another_spelling_is_no_second_person() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    let theirs = scene.visit(OLD_FORM).await?;
    let home = scene
        .start(ada, "+55 (11) 98765-4321", "'hello'")
        .await?
        .remove(0);
    assert_eq!(uuid_of(&home), uuid_of(&theirs), "their open conversation");
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    scene.hear_text(NEW_FORM, "wamid.2", "Oi").await?;
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    Ok(())
}

#[tokio::test]
async fn writing_first_is_refused_with_a_reason() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    assert_eq!(
        refused(scene.start(ada, "0971 234567", "'hello'").await).1,
        "chat/invalid_phone"
    );
    assert_eq!(
        refused(scene.start(ada, ZOE, "null").await).1,
        "chat/template_unknown",
        "there is no welcome template"
    );
    assert_eq!(
        refused(
            scene
                .start(ada, ZOE, &format!("'hello', number => '{}'", Uuid::nil()))
                .await
        )
        .1,
        "chat/no_such_number"
    );
    scene
        .as_owner(&format!("insert into mod_chat_widget_settings (site_id, whatsapp_welcome_template) values ('{}', 'hello')", scene.site.id))
        .await?;
    let home = scene.start(ada, ZOE, "null").await?.remove(0);
    assert_eq!(
        scene.row("select content from mod_chat_messages").await?["content"],
        "Hi",
        "the welcome template"
    );

    let ben = scene
        .site
        .agent("Ben", pg_chat_tests::AgentIs::default())
        .await?;
    scene
        .as_owner(&format!(
            "insert into chat.role_limits (site_id, role, sees) values ('{}', 'agent', 'own')",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        refused(scene.start(ben, ZOE, "'hello'").await).1,
        "chat/not_allowed",
        "Ada talks to her"
    );
    scene
        .as_owner(&format!(
            "insert into chat.blocks (site_id, visitor_id) values ('{}', '{}')",
            scene.site.id,
            home["visitor_id"].as_str().unwrap()
        ))
        .await?;
    assert_eq!(
        refused(scene.start(ada, ZOE, "'hello'").await).1,
        "chat/blocked"
    );
    scene
        .as_owner(&format!("insert into chat.rates (site_id, kind, subject, empty_at) values ('{}', 'starts', '', now() + interval '1 hour')
            on conflict (site_id, kind, subject) do update set empty_at = excluded.empty_at", scene.site.id))
        .await?;
    let refusal = refused(scene.start(ada, "15550100009", "'hello'").await);
    assert_eq!(
        (refusal.0.as_str(), refusal.1.as_str()),
        ("PT429", "chat/too_many")
    );
    Ok(())
}
