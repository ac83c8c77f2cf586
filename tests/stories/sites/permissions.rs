//! What the roles of a site may do, changed by the site itself.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::Scene;

const ANALYTICS: &str = "live-chat.analytics.view";

/// A site with an admin and an agent among its agents.
async fn scene() -> Result<(Scene, Agent, Agent)> {
    let scene = Scene::open().await?;
    let is = |role| AgentIs {
        role,
        ..AgentIs::default()
    };
    let admin = scene.site.agent("Adam", is("admin")).await?;
    let agent = scene.site.agent("Ada", is("agent")).await?;
    Ok((scene, admin, agent))
}

impl Scene {
    /// What a function answers to an agent.
    pub async fn said(&self, agent: Agent, call: &str) -> Result<Value, sqlx::Error> {
        let rows = self
            .as_agent(agent, &format!("select {call} as said"))
            .await?;
        Ok(rows[0]["said"].clone())
    }

    async fn may(&self, agent: Agent, permission: &str) -> Result<bool> {
        let said = self
            .said(
                agent,
                &format!("chat_may('{}', '{permission}')", self.site.id),
            )
            .await?;
        Ok(said == true)
    }

    async fn permit(&self, by: Agent, role: &str, allowed: Option<bool>) -> Result<Value> {
        let allowed = allowed.map_or("null".to_owned(), |allowed| allowed.to_string());
        Ok(self
            .said(
                by,
                &format!(
                    "chat_save_permission('{}', '{role}', '{ANALYTICS}', {allowed})",
                    self.site.id
                ),
            )
            .await?)
    }
}

#[tokio::test]
async fn a_site_gives_a_role_a_permission_takes_it_and_goes_back_to_the_default() -> Result<()> {
    let (scene, admin, agent) = scene().await?;
    assert!(!scene.may(agent, ANALYTICS).await?);
    let all = scene.permit(admin, "agent", Some(true)).await?;
    assert_eq!(all["roles"]["agent"]["permissions"][ANALYTICS], true);
    assert!(scene.may(agent, ANALYTICS).await?);
    scene.permit(admin, "agent", Some(false)).await?;
    assert!(!scene.may(agent, ANALYTICS).await?);

    let all = scene.permit(admin, "supervisor", Some(false)).await?;
    assert_eq!(all["roles"]["supervisor"]["permissions"][ANALYTICS], false);
    let all = scene.permit(admin, "supervisor", None).await?;
    assert_eq!(all["roles"]["supervisor"]["permissions"][ANALYTICS], true);
    Ok(())
}

#[tokio::test]
async fn a_change_at_one_site_changes_no_other() -> Result<()> {
    let (scene, admin, agent) = scene().await?;
    let other = pg_chat_tests::Site::make(&scene.db).await?;
    let neighbour = other.agent("Ben", AgentIs::default()).await?;
    scene.permit(admin, "agent", Some(true)).await?;
    assert!(scene.may(agent, ANALYTICS).await?);
    let call = format!("chat_may('{}', '{ANALYTICS}')", other.id);
    assert_eq!(scene.said(neighbour, &call).await?, false);
    Ok(())
}

#[tokio::test]
async fn everybody_who_works_at_a_site_reads_what_its_roles_may() -> Result<()> {
    let (scene, _, agent) = scene().await?;
    let call = format!("chat_permissions('{}')", scene.site.id);
    let all = scene.said(agent, &call).await?;
    assert_eq!(
        all["mine"],
        json!([
            "live-chat.canned.manage",
            "live-chat.conversations.reply",
            "live-chat.conversations.resolve",
            "live-chat.conversations.view"
        ])
    );
    assert_eq!(all["roles"]["agent"]["sees"], "site");
    let permissions = all["roles"]["admin"]["permissions"].as_object();
    assert_eq!(
        permissions.map(|all| (all.len(), all.values().all(|allowed| allowed == true))),
        Some((10, true))
    );

    let stranger = pg_chat_tests::Site::make(&scene.db)
        .await?
        .agent("Ben", AgentIs::default())
        .await?;
    let refusal = Refusal::expect(scene.said(stranger, &call).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_site"));
    Ok(())
}

#[tokio::test]
async fn a_permission_or_role_that_does_not_exist_is_named() -> Result<()> {
    let (scene, admin, agent) = scene().await?;
    let site = scene.site.id;
    for (call, code) in [
        (
            format!("chat_save_permission('{site}', 'boss', '{ANALYTICS}', true)"),
            "chat/unknown_role",
        ),
        (
            format!("chat_save_permission('{site}', 'agent', 'live-chat.everything', true)"),
            "chat/unknown_permission",
        ),
        (
            format!("chat_save_role_limit('{site}', 'agent', 'nothing')"),
            "chat/unknown_limit",
        ),
        (
            format!("chat_save_role_limit('{site}', 'agent', 'number', '777')"),
            "chat/no_such_number",
        ),
    ] {
        let refusal = Refusal::expect(scene.said(admin, &call).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some(code)),
            "{call}"
        );
    }
    assert!(!scene.may(agent, "live-chat.everything").await?);
    Ok(())
}
