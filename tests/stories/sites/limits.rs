//! Roles that see a part of their site only.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::scene::{Scene, YUKI, ZOE, id, uuid_of};

/// A site with an admin who is away, and Ada and Ben in a department each.
struct Part {
    scene: Scene,
    admin: Agent,
    ada: Agent,
    ben: Agent,
    sales: Uuid,
}

impl Part {
    async fn of(sees: &str) -> Result<Self> {
        let scene = Scene::open().await?;
        let is = |role, department| AgentIs {
            role,
            department,
            status: "away",
            ..AgentIs::default()
        };
        let sales = scene.site.department("Sales", 5).await?;
        let support = scene.site.department("Support", 5).await?;
        let admin = scene.site.agent("Adam", is("admin", None)).await?;
        let ada = scene.site.agent("Ada", is("agent", Some(sales))).await?;
        let ben = scene.site.agent("Ben", is("agent", Some(support))).await?;
        let limit = format!("chat_save_role_limit('{}', 'agent', {sees})", scene.site.id);
        scene.said(admin, &limit).await?;
        Ok(Self {
            scene,
            admin,
            ada,
            ben,
            sales,
        })
    }

    /// How many conversations, messages and visitors somebody sees.
    async fn seen_by(&self, agent: Agent) -> Result<[usize; 3]> {
        let mut seen = [0; 3];
        for (place, table) in ["conversations", "messages", "visitors"].iter().enumerate() {
            let rows = self
                .scene
                .as_agent(agent, &format!("select id from mod_chat_{table}"))
                .await?;
            seen[place] = rows.len();
        }
        Ok(seen)
    }

    async fn set(&self, chat: &Value, column: &str, value: Uuid) -> Result<()> {
        let set = format!(
            "update mod_chat_conversations set {column} = '{value}' where id = {}",
            id(chat)
        );
        self.scene.as_owner(&set).await?;
        Ok(())
    }
}

#[tokio::test]
async fn who_is_limited_to_their_own_sees_what_they_have_and_what_they_gave_back() -> Result<()> {
    let part = Part::of("'own'").await?;
    let zoe = part.scene.visit(ZOE).await?;
    part.scene.visit(YUKI).await?;
    assert_eq!(part.seen_by(part.ada).await?, [0, 0, 0]);
    part.set(&zoe, "assigned_agent_id", part.ada.id).await?;
    assert_eq!(part.seen_by(part.ada).await?, [1, 1, 1]);
    assert_eq!(part.seen_by(part.ben).await?, [0, 0, 0]);
    assert_eq!(part.seen_by(part.admin).await?, [2, 2, 2]);

    let back = part
        .scene
        .as_owner("update mod_chat_conversations set status = 'pending' where status = 'active'")
        .await?;
    assert_eq!(back, 1);
    assert_eq!(
        part.seen_by(part.ada).await?,
        [1, 1, 1],
        "nobody has it yet"
    );
    part.set(&zoe, "assigned_agent_id", part.ben.id).await?;
    assert_eq!(part.seen_by(part.ada).await?, [0, 0, 0]);
    Ok(())
}

#[tokio::test]
async fn who_is_limited_to_their_department_sees_its_chats_and_their_own() -> Result<()> {
    let part = Part::of("'department'").await?;
    let zoe = part.scene.visit(ZOE).await?;
    let yuki = part.scene.visit(YUKI).await?;
    part.set(&zoe, "department_id", part.sales).await?;
    assert_eq!(part.seen_by(part.ada).await?, [1, 1, 1]);
    assert_eq!(part.seen_by(part.ben).await?, [0, 0, 0]);
    part.set(&yuki, "assigned_agent_id", part.ada.id).await?;
    assert_eq!(part.seen_by(part.ada).await?, [2, 2, 2]);
    Ok(())
}

#[tokio::test]
async fn who_is_limited_to_a_number_sees_what_came_to_it() -> Result<()> {
    let part = Part::of("'number', '106540352242922'").await?;
    part.scene.visit(ZOE).await?;
    let visitor = part.scene.site.visitor("Of the widget").await?;
    part.scene.site.conversation(visitor).await?;
    assert_eq!(part.seen_by(part.ada).await?, [1, 1, 1]);
    assert_eq!(part.seen_by(part.admin).await?[0], 2);
    Ok(())
}

#[tokio::test]
async fn who_is_limited_works_within_their_part_as_others_do() -> Result<()> {
    let part = Part::of("'own'").await?;
    let zoe = part.scene.visit(ZOE).await?;
    part.set(&zoe, "assigned_agent_id", part.ada.id).await?;
    part.scene.answer(part.ada, &zoe, "Hello Zoe").await?;
    let changed = part
        .scene
        .patch(part.ada, &zoe, "tags = '{refund}', status = 'resolved'")
        .await?;
    assert_eq!(changed.len(), 1);
    let said = part
        .scene
        .said(
            part.ada,
            &format!("chat_explain_assignment('{}')", uuid_of(&zoe)),
        )
        .await?;
    assert_eq!(said["agent_name"], "Ada");
    Ok(())
}

#[tokio::test]
async fn a_limit_that_is_lifted_shows_the_whole_site_again() -> Result<()> {
    let part = Part::of("'own'").await?;
    part.scene.visit(ZOE).await?;
    let lift = format!(
        "chat_save_role_limit('{}', 'agent', 'site')",
        part.scene.site.id
    );
    part.scene.said(part.admin, &lift).await?;
    assert_eq!(part.seen_by(part.ada).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn owners_of_the_agency_are_never_limited() -> Result<()> {
    let part = Part::of("'own'").await?;
    part.scene.visit(ZOE).await?;
    part.scene
        .as_owner(&format!(
            "insert into agency_members values ('{}', '{}', 'owner')",
            part.scene.site.agency, part.ada.user
        ))
        .await?;
    assert_eq!(part.seen_by(part.ada).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn two_admins_who_limit_a_role_at_once_are_both_heard() -> Result<()> {
    let part = Part::of("'site'").await?;
    let scene = &part.scene;
    let mut first = scene.db.owner().begin().await?;
    let insert = format!(
        "insert into chat.role_limits (site_id, role, sees) values ('{}', 'agent', 'own')",
        scene.site.id
    );
    first.execute(AssertSqlSafe(insert)).await?;
    let limit = format!(
        "chat_save_role_limit('{}', 'agent', 'department')",
        scene.site.id
    );
    let second = scene.said(part.admin, &limit);
    let said = scene.while_open(first, second).await??;
    assert_eq!(said["roles"]["agent"]["sees"], "department");
    Ok(())
}
