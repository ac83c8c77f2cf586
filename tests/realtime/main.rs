//! What Supabase Realtime does, one check a fact, with its official client unchanged: `facts/*.test.mjs`, run by node
//! against the double. The same files run against a real project: put what `cargo x up --env FILE` writes for it into
//! the environment and say `npm ci && npm test` here. What only the double can be made to do is skipped there.

use anyhow::{Context, Result, ensure};
use local_stack::auth;
use local_stack::server::OWNER;
use pg_chat_tests::{AgentIs, Origin, Site, TestDb, node, passed, repository};

const PASSWORD: &str = "a-password-for-tests";

/// Runs one file of facts, each of which must hold; prints how many there were.
async fn facts(file: &str) -> Result<()> {
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let ada = site.agent("Ada Lovelace", AgentIs::default()).await?;
    let email = format!("{}@example.org", ada.user.simple());
    auth::new_user(db.server(), db.name(), ada.user, &email, PASSWORD).await?;
    let origin = Origin::of(&db).await?;
    let held = passed(
        node("tests/realtime")?
            .env("SUPABASE_URL", origin.url())
            .env("SUPABASE_ANON_KEY", origin.key("anon"))
            .env("SUPABASE_SERVICE_ROLE_KEY", origin.key("service_role"))
            .env("SUPABASE_JWT_SECRET", origin.jwt_secret())
            .env("DATABASE_URL", db.url(OWNER))
            .env("SITE_ID", site.id.to_string())
            .env("AGENT_EMAIL", email)
            .env("AGENT_PASSWORD", PASSWORD),
        &format!("facts/{file}.test.mjs"),
    )
    .await?;
    println!("{file}: {held} facts hold");
    Ok(())
}

/// What clients say to each other.
#[tokio::test]
async fn broadcast() -> Result<()> {
    facts("broadcast").await
}

/// What an agent and a visitor see of each other, live.
#[tokio::test]
async fn chat() -> Result<()> {
    facts("chat").await
}

/// What the database tells.
#[tokio::test]
async fn database() -> Result<()> {
    facts("database").await
}

/// Opening a socket, and what stands on the wire.
#[tokio::test]
async fn door() -> Result<()> {
    facts("door").await
}

/// What goes wrong, and what the client makes of it.
#[tokio::test]
async fn faults() -> Result<()> {
    facts("faults").await
}

/// Who may join a channel.
#[tokio::test]
async fn join() -> Result<()> {
    facts("join").await
}

/// Who is there.
#[tokio::test]
async fn presence() -> Result<()> {
    facts("presence").await
}

/// Tokens that change, expire and lose their rights.
#[tokio::test]
async fn token() -> Result<()> {
    facts("token").await
}

#[test]
fn no_file_of_facts_is_left_out() -> Result<()> {
    let sources = include_str!("main.rs");
    for entry in std::fs::read_dir(repository().join("tests/realtime/facts"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let fact = name.strip_suffix(".test.mjs").context(name.clone())?;
        ensure!(
            sources.contains(&format!("facts(\"{fact}\")")),
            "{name} is run by no test"
        );
    }
    Ok(())
}
