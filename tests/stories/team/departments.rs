//! Departments and agents, as managers keep them.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::scene::{Scene, ZOE, only, uuid_of};

async fn scene() -> Result<(Scene, Agent)> {
    let scene = Scene::open().await?;
    let is = AgentIs {
        role: "admin",
        status: "offline",
        ..AgentIs::default()
    };
    let admin = scene.site.agent("Adam", is).await?;
    Ok((scene, admin))
}

impl Scene {
    async fn save_department(&self, by: Agent, rest: &str) -> Result<Value, sqlx::Error> {
        let call = format!(
            "select * from chat_save_department('{}', {rest})",
            self.site.id
        );
        Ok(self.as_agent(by, &call).await?.remove(0))
    }
}

#[tokio::test]
async fn a_department_is_made_and_changed_and_one_is_the_default() -> Result<()> {
    let (scene, admin) = scene().await?;
    let sales = scene
        .save_department(admin, "'Sales', is_default => true")
        .await?;
    let support = scene
        .save_department(
            admin,
            "'Support', is_default => true, max_concurrent_chats => 3",
        )
        .await?;
    let again = format!(
        "'Help', id => '{}', is_default => true, sort_order => 2",
        uuid_of(&support)
    );
    let changed = scene.save_department(admin, &again).await?;
    assert_eq!(
        only(&changed, "id name max_concurrent_chats sort_order"),
        json!({"id": support["id"], "name": "Help", "max_concurrent_chats": 5, "sort_order": 2})
    );
    assert_eq!(
        scene
            .rows("select name from mod_chat_departments where is_default")
            .await?,
        [json!({"name": "Help"})]
    );
    assert_ne!(sales["id"], support["id"]);
    Ok(())
}

#[tokio::test]
async fn a_department_that_begins_to_assign_takes_who_waits() -> Result<()> {
    let (scene, admin) = scene().await?;
    let sales = scene
        .save_department(admin, "'Sales', auto_assign => false")
        .await?;
    let zoe = scene.visit(ZOE).await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set department_id = '{}'",
            uuid_of(&sales)
        ))
        .await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                department: Some(uuid_of(&sales)),
                ..AgentIs::default()
            },
        )
        .await?;
    scene.tick().await?;
    assert_eq!(scene.again(&zoe).await?["assigned_agent_id"], Value::Null);
    scene
        .save_department(admin, &format!("'Sales', id => '{}'", uuid_of(&sales)))
        .await?;
    assert_eq!(scene.again(&zoe).await?["assigned_agent_id"], json!(ada.id));
    Ok(())
}

#[tokio::test]
async fn chats_that_wait_for_a_department_that_closes_go_to_anybody() -> Result<()> {
    let (scene, admin) = scene().await?;
    let sales = scene.save_department(admin, "'Sales'").await?;
    let zoe = scene.visit(ZOE).await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set department_id = '{}'",
            uuid_of(&sales)
        ))
        .await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.tick().await?;
    assert_eq!(
        scene.again(&zoe).await?["status"],
        "pending",
        "Ben is not in Sales"
    );
    scene
        .save_department(
            admin,
            &format!("'Sales', id => '{}', is_active => false", uuid_of(&sales)),
        )
        .await?;
    assert_eq!(
        only(&scene.again(&zoe).await?, "department_id assigned_agent_id"),
        json!({"department_id": null, "assigned_agent_id": ben.id})
    );
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_department_or_an_agent_is_said() -> Result<()> {
    let (scene, admin) = scene().await?;
    let other = pg_chat_tests::Site::make(&scene.db).await?;
    let foreign = other.department("Foreign", 5).await?;
    for (rest, said) in [
        ("' '".to_owned(), ("PT422", "chat/name_missing")),
        (
            "'Sales', max_concurrent_chats => -1".to_owned(),
            ("PT422", "chat/capacity"),
        ),
        (
            format!("'Mine now', id => '{foreign}'"),
            ("PT404", "chat/no_such_department"),
        ),
    ] {
        let refusal = Refusal::expect(scene.save_department(admin, &rest).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            (said.0, Some(said.1)),
            "{rest}"
        );
    }
    let user = Uuid::new_v4();
    for (rest, said) in [
        ("''", ("PT422", "chat/name_missing")),
        ("'Eve', 'boss'", ("PT422", "chat/unknown_role")),
        (
            &format!("'Eve', department_id => '{foreign}'"),
            ("PT404", "chat/no_such_department"),
        ),
    ] {
        let call = format!(
            "select * from chat_save_agent('{}', '{user}', {rest})",
            scene.site.id
        );
        let refusal = Refusal::expect(scene.as_agent(admin, &call).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            (said.0, Some(said.1)),
            "{rest}"
        );
    }
    Ok(())
}

/// A DELETE has its row first; whoever has a chat and looks at its department waits for it, so it must not wait for them.
#[tokio::test]
async fn a_department_is_deleted_when_nobody_is_at_work_in_its_chats() -> Result<()> {
    let (scene, admin) = scene().await?;
    let sales = scene.save_department(admin, "'Sales'").await?;
    let is = AgentIs {
        department: Some(uuid_of(&sales)),
        ..AgentIs::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    let zoe = scene.visit(ZOE).await?;
    let into = format!("department_id = '{}'", uuid_of(&sales));
    scene.patch(admin, &zoe, &into).await?;
    let delete = format!(
        "delete from mod_chat_departments where id = '{}' returning id",
        uuid_of(&sales)
    );

    for held in ["mod_chat_conversations", "mod_chat_agents"] {
        let mut works = scene.db.owner().begin().await?;
        // Who is waited for in spite of all this goes after a while.
        let work = format!(
            "set local idle_in_transaction_session_timeout = '5s'; select from {held} for no key update"
        );
        sqlx::raw_sql(AssertSqlSafe(work))
            .execute(&mut *works)
            .await?;
        let refusal = Refusal::expect(scene.as_agent(admin, &delete).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT409", Some("chat/changed_meanwhile")),
            "{held}"
        );
        works.rollback().await?;
    }

    assert_eq!(scene.as_agent(admin, &delete).await?.len(), 1);
    assert_eq!(scene.again(&zoe).await?["department_id"], Value::Null);
    assert_eq!(scene.agent_now(ada).await?["department_id"], Value::Null);
    Ok(())
}
