//! The official JavaScript client against the Storage double (tests/javascript).

use anyhow::{Result, ensure};
use pg_chat_tests::{node, said};

use crate::storage::TwoSites;

#[tokio::test]
async fn whatever_a_dashboard_calls_does_what_it_does_at_supabase() -> Result<()> {
    let project = TwoSites::open().await?;
    let origin = &project.origin;
    let tried = said(
        node("tests/javascript")?
            .arg("storage.mjs")
            .env("PROJECT_URL", origin.url())
            .env("ANON_KEY", origin.key("anon"))
            .env("SERVICE_KEY", origin.key("service_role"))
            .env("ADA_TOKEN", origin.token(project.ada))
            .env("EVE_TOKEN", origin.token(project.eve))
            .env("SITE_ID", project.site.id.to_string()),
    )
    .await?;
    ensure!(tried.contains("pass 8\n"), "not every check ran: {tried}");
    Ok(())
}
