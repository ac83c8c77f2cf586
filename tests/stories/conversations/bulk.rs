//! One change to many chats.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::scene::{Scene, YUKI, ZOE, uuid_of};

impl Scene {
    async fn bulk(
        &self,
        agent: Agent,
        chats: &[&Value],
        change: &Value,
    ) -> Result<Value, sqlx::Error> {
        let ids: Vec<_> = chats.iter().map(|chat| uuid_of(chat).to_string()).collect();
        let ask = format!(
            "select chat_bulk('{{{}}}', '{change}') as answer",
            ids.join(",")
        );
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }
}

#[tokio::test]
async fn many_chats_are_changed_at_once_and_what_is_refused_says_why() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (one, two, three) = (
        scene.widget_chat().await?,
        scene.widget_chat().await?,
        scene.widget_chat().await?,
    );
    scene.patch(ada, &one, "tags = '{vip,old}'").await?;
    scene.patch(ada, &three, "status = 'closed'").await?;
    let change = json!({"status": "resolved", "add_tags": ["done", "vip"], "remove_tags": ["old"]});
    let answer = scene.bulk(ada, &[&one, &two, &three], &change).await?;
    assert_eq!(answer["changed"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["refused"][0]["id"], three["id"]);
    assert_eq!(answer["refused"][0]["detail"], "chat/closed_is_final");
    assert_eq!(scene.again(&one).await?["tags"], json!(["vip", "done"]));
    assert_eq!(scene.again(&two).await?["status"], "resolved");
    assert_eq!(scene.again(&three).await?["tags"], json!([]));
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    Ok(())
}

#[tokio::test]
async fn a_bulk_change_needs_the_rights_of_each_change() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let answer = scene
        .bulk(ada, &[&chat], &json!({"priority": "urgent"}))
        .await?;
    assert_eq!(answer["refused"][0]["detail"], "chat/not_allowed");
    let boss = scene.colleague("supervisor").await?;
    let answer = scene
        .bulk(
            boss,
            &[&chat],
            &json!({"priority": "urgent", "assigned_agent_id": boss.id}),
        )
        .await?;
    assert_eq!(answer["refused"], json!([]));
    let now = scene.again(&chat).await?;
    assert_eq!(
        (&now["priority"], &now["assigned_agent_id"]),
        (&"urgent".into(), &boss.id.to_string().into())
    );
    Ok(())
}

#[tokio::test]
async fn chats_of_others_are_as_if_they_were_not_there() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    let visitor = elsewhere.visitor("Yan").await?;
    let foreign = json!({"id": elsewhere.conversation(visitor).await?});
    let answer = scene
        .bulk(ada, &[&foreign], &json!({"status": "closed"}))
        .await?;
    assert_eq!(
        answer,
        json!({"changed": [], "refused": [], "absent": [foreign["id"]]})
    );
    assert_eq!(scene.again(&foreign).await?["status"], "pending");
    Ok(())
}

#[tokio::test]
async fn a_bulk_change_waits_for_the_people_before_it_has_any_of_their_chats() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, yuki) = (scene.visit(ZOE).await?, scene.visit(YUKI).await?);
    let mut receives = scene.has_person_of(&yuki).await?;
    let (chats, change) = ([&zoe, &yuki], json!({"add_tags": ["vip"]}));
    let bulk = scene.bulk(ada, &chats, &change);
    let has_the_chats = async {
        scene.until_waiting(1).await?;
        receives
            .execute("select from mod_chat_conversations for no key update nowait")
            .await?;
        anyhow::Ok(receives.commit().await?)
    };
    let (answer, had) = tokio::join!(bulk, has_the_chats);
    had?;
    assert_eq!(answer?["changed"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_bulk_change_that_cannot_be_read_is_refused_whole() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    for change in [json!({}), json!([]), json!({"rating": 5}), Value::Null] {
        let refusal = Refusal::expect(scene.bulk(ada, &[&chat], &change).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some("chat/bulk_change")),
            "{change}"
        );
    }
    let many = "select chat_bulk(array(select gen_random_uuid() from generate_series(1, 501)), '{\"status\": \"closed\"}') as a";
    let refusal = Refusal::expect(scene.as_agent(ada, many).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/bulk_size"));
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name) values ('{}', '{}', 'Ada')",
            elsewhere.id, ada.user
        ))
        .await?;
    let foreign = json!({"id": elsewhere.conversation(elsewhere.visitor("Yan").await?).await?});
    let refusal = Refusal::expect(
        scene
            .bulk(ada, &[&chat, &foreign], &json!({"status": "closed"}))
            .await,
    );
    assert_eq!(refusal.detail.as_deref(), Some("chat/one_site"));
    let wrong = scene
        .bulk(
            ada,
            &[&chat],
            &json!({"status": "asleep", "add_tags": {"no": "list"}}),
        )
        .await?;
    assert_eq!(wrong["changed"], json!([]));
    assert!(wrong["refused"][0]["message"].is_string(), "{wrong}");
    Ok(())
}
