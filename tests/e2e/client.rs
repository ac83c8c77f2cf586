//! The web client (web/client): its own tests, and a chat both ways over the doubles.

use anyhow::{Result, ensure};
use pg_chat_tests::{node, passed, said};

use crate::storage::TwoSites;

const CLIENT: &str = "web/client";

#[tokio::test]
async fn every_message_once_in_order_in_its_last_state_however_answers_are_mixed() -> Result<()> {
    let passed = passed(&mut node(CLIENT)?, "tests/build").await?;
    ensure!(passed >= 40, "only {passed} tests ran");
    Ok(())
}

#[tokio::test]
async fn a_visitor_and_an_agent_chat_over_the_client_through_lost_answers_and_reloads() -> Result<()>
{
    let project = TwoSites::open().await?;
    project
        .db
        .as_owner(&format!(
            "insert into public.mod_chat_widget_settings (site_id, pre_chat_enabled) values ('{}', false)
            on conflict (site_id) do update set pre_chat_enabled = false",
            project.site.id
        ))
        .await?;
    let passed = passed(
        node(CLIENT)?
            .env("PROJECT_URL", project.origin.url())
            .env("ANON_KEY", project.origin.key("anon"))
            .env("AGENT_TOKEN", project.origin.token(project.ada))
            .env("AGENT_USER", project.ada.user.to_string())
            .env("SITE_ID", project.site.id.to_string()),
        "tests/build/stack/chat.js",
    )
    .await?;
    ensure!(passed >= 10, "only {passed} tests ran");
    Ok(())
}

#[tokio::test]
async fn every_entry_of_the_client_together_is_at_most_25_kib_gzipped() -> Result<()> {
    said(node(CLIENT)?.arg("size.mjs")).await?;
    Ok(())
}
