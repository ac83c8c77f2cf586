//! Channel `api`: conversations of a site's own programs.

use anyhow::Result;
use pg_chat_tests::Refusal;
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::scene::{Scene, id, only};

impl Scene {
    /// A program with the service key hands on what somebody wrote.
    async fn hand_on(&self, more: &str) -> Result<Value, sqlx::Error> {
        let claims = json!({"role": "service_role"});
        let mut program = self
            .db
            .as_caller("service_role", claims)
            .await
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let ask = format!("select * from chat_receive_api('{}', {more})", self.site.id);
        Ok(program.rows(&ask).await?.remove(0))
    }
}

#[tokio::test]
async fn a_program_begins_and_continues_a_conversation_for_an_external_id() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let first = scene
        .hand_on("'customer-7', 'My order?', person => '{\"name\": \"Yan\", \"email\": \"yan@example.com\"}'")
        .await?;
    let second = scene.hand_on("'customer-7', 'Number 12'").await?;
    let other = scene.hand_on("'customer-8', 'Hello'").await?;
    assert_eq!(first["conversation_id"], second["conversation_id"]);
    assert_ne!(first["conversation_id"], other["conversation_id"]);
    let chat = scene
        .again(&json!({"id": first["conversation_id"]}))
        .await?;
    assert_eq!(
        only(&chat, "channel status assigned_agent_id message_count"),
        json!({"channel": "api", "status": "active", "assigned_agent_id": ada.id, "message_count": 2})
    );
    let person = scene
        .row("select external_id, name, email, channel from mod_chat_visitors where external_id = 'customer-7'")
        .await?;
    assert_eq!(
        person,
        json!({"external_id": "customer-7", "name": "Yan", "email": "yan@example.com", "channel": "api"})
    );
    let answer = scene.answer(ada, &chat, "It is on its way").await?;
    assert_eq!(answer["delivery_state"], "sent");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_same_id_is_the_same_message_even_after_the_end() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let once = "'customer-7', 'Hello', '77777777-7777-4777-8777-777777777777'";
    let first = scene.hand_on(once).await?;
    let chat = json!({"id": first["conversation_id"]});
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    let second = scene.hand_on(once).await?;
    assert_eq!(only(&second, "id seq"), only(&first, "id seq"));
    assert_eq!(
        scene.again(&chat).await?["status"],
        "resolved",
        "a repetition opens nothing again"
    );
    scene.hand_on("'customer-7', 'Another thing'").await?;
    assert_eq!(
        scene.again(&chat).await?["status"],
        "active",
        "new words within the reopen window do"
    );
    let refusal = Refusal::expect(
        scene
            .hand_on(&once.replace("customer-7", "customer-8"))
            .await,
    );
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT409", Some("chat/id_in_use"))
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_begins_a_conversation_and_has_it() -> Result<()> {
    let scene = Scene::open().await?;
    let ben = scene.colleague("agent").await?;
    let ask = format!(
        "select * from chat_start_conversation('{}', 'customer-7', 'Your parcel is here', 'Parcel')",
        scene.site.id
    );
    let chat = scene.as_agent(ben, &ask).await?.remove(0);
    let now = scene.again(&chat).await?;
    assert_eq!(
        only(
            &now,
            "channel status assigned_agent_id subject last_message_text"
        ),
        json!({"channel": "api", "status": "active", "assigned_agent_id": ben.id, "subject": "Parcel",
            "last_message_text": "Your parcel is here"})
    );
    let answer = scene.hand_on("'customer-7', 'I will come'").await?;
    assert_eq!(answer["conversation_id"], chat["id"]);
    let colleague = scene.colleague("agent").await?;
    scene.as_agent(colleague, &ask).await?;
    let now = scene.again(&chat).await?;
    assert_eq!(
        now["assigned_agent_id"],
        ben.id.to_string(),
        "whose it is stays so"
    );
    assert_eq!(now["message_count"], 3);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn from_somebody_who_is_blocked_nothing_is_taken() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let first = scene.hand_on("'customer-7', 'Hello'").await?;
    let chat = scene
        .again(&json!({"id": first["conversation_id"]}))
        .await?;
    let block = format!(
        "select * from chat_block_visitor('{}', 'Spam')",
        chat["visitor_id"].as_str().unwrap_or_default()
    );
    scene.as_agent(ada, &block).await?;
    scene.patch(ada, &chat, "status = 'closed'").await?;
    let refusal = Refusal::expect(scene.hand_on("'customer-7', 'Hello again'").await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT403", Some("chat/blocked"))
    );
    Ok(())
}

#[tokio::test]
async fn what_a_program_has_wrong_is_said() -> Result<()> {
    let scene = Scene::open().await?;
    for (more, code) in [
        ("'', 'Hello'", "chat/external_id"),
        ("repeat('x', 256), 'Hello'", "chat/external_id"),
        ("null, 'Hello'", "chat/external_id"),
        ("'customer-7', ''", "chat/text_length"),
        ("'customer-7', repeat('x', 10001)", "chat/text_length"),
        ("'customer-7', 'Hello', person => '[]'", "chat/person"),
        ("'customer-7', 'Hello', metadata => '3'", "chat/metadata"),
    ] {
        let refusal = Refusal::expect(scene.hand_on(more).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some(code)),
            "{more}"
        );
        assert!(refusal.hint.is_some());
    }
    let mut nowhere = scene
        .db
        .as_caller("service_role", json!({"role": "service_role"}))
        .await?;
    let refusal = Refusal::expect(
        nowhere
            .rows("select * from chat_receive_api(gen_random_uuid(), 'customer-7', 'Hello')")
            .await,
    );
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT404", Some("chat/no_such_site"))
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_agent_of_another_site_begins_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    let stranger = elsewhere.agent("Eve", Default::default()).await?;
    let ask = format!(
        "select * from chat_start_conversation('{}', 'customer-7')",
        scene.site.id
    );
    let refusal = Refusal::expect(scene.as_agent(stranger, &ask).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT403", Some("chat/not_allowed"))
    );
    let program = format!(
        "select * from chat_receive_api('{}', 'x', {})",
        scene.site.id,
        id(&json!({"id": scene.site.id}))
    );
    assert_eq!(
        Refusal::expect(scene.as_agent(stranger, &program).await).sqlstate,
        "42501"
    );
    Ok(())
}

#[tokio::test]
async fn somebody_who_is_erased_while_they_write_begins_afresh() -> Result<()> {
    let scene = Scene::open().await?;
    let first = scene.hand_on("'customer-7', 'My order?'").await?;
    let mut erasing = scene.db.owner().begin().await?;
    let erase = format!(
        "select chat.erase_person('{}')",
        first["sender_id"].as_str().unwrap_or_default()
    );
    erasing.execute(AssertSqlSafe(erase)).await?;
    let again = scene.hand_on("'customer-7', 'Still nothing'");
    let second = scene.while_open(erasing, again).await??;
    assert_ne!(second["sender_id"], first["sender_id"]);
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    Ok(())
}
