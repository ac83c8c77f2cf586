//! The demo's two pages (web/demo) in Debian's Chromium through Playwright (tests/browser), over the doubles. `cargo x test`
//! installs the browser, builds the pages and says where their pictures are.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use local_stack::auth::new_user;
use pg_chat_tests::{AgentIs, Origin, Site, TestDb, environment, node, passed};

const PASSWORD: &str = "password-of-the-test-agents";

/// A site with Ada, who gets every chat, and Ben, who is offline until he comes.
struct Stage {
    origin: Origin,
    site: Site,
    /// Dropped last.
    db: TestDb,
}

impl Stage {
    async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let agents = [("Ada", "online"), ("Ben", "offline")];
        for (name, status) in agents {
            let is = AgentIs {
                role: "admin",
                status,
                max: 20,
                ..AgentIs::default()
            };
            let agent = site.agent(name, is).await?;
            new_user(db.server(), db.name(), agent.user, &email(name), PASSWORD).await?;
        }
        Ok(Self {
            origin: Origin::with_pages(&db, &site).await?,
            site,
            db,
        })
    }

    /// Runs the tests of a file of tests/browser.
    async fn passes(&self, file: &str) -> Result<usize> {
        let pictures = pictures()?;
        std::fs::create_dir_all(&pictures)?;
        passed(
            node("tests/browser")?
                .env("PROJECT_URL", self.origin.url())
                .env("ADA_EMAIL", email("Ada"))
                .env("ADA_PASSWORD", PASSWORD)
                .env("BEN_EMAIL", email("Ben"))
                .env("BEN_PASSWORD", PASSWORD)
                .env("SCREENSHOTS", &pictures),
            file,
        )
        .await
    }
}

fn email(name: &str) -> String {
    format!("{}@example.org", name.to_lowercase())
}

/// The folder that pictures of the pages are left in: `target/screenshots`.
fn pictures() -> Result<PathBuf> {
    let target = environment().programs.parent();
    Ok(target.context("no target folder")?.join("screenshots"))
}

/// Says where pictures are that were made since then.
fn left(since: SystemTime, names: &[&str]) -> Result<()> {
    for name in names {
        let picture = pictures()?.join(name);
        let made = std::fs::metadata(&picture)?.modified()?;
        ensure!(made >= since, "{} was not made anew", picture.display());
        println!("LEFT: {}", picture.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_whole_chat_on_the_two_pages_with_typing_presence_ticks_and_two_tabs() -> Result<()> {
    let began = SystemTime::now();
    let passed = Stage::open().await?.passes("chat.test.mjs").await?;
    ensure!(passed >= 4, "only {passed} tests ran");
    left(began, &["visitor.png", "agent.png"])
}

#[tokio::test]
async fn files_with_progress_and_previews_and_what_is_refused() -> Result<()> {
    let began = SystemTime::now();
    let passed = Stage::open().await?.passes("files.test.mjs").await?;
    ensure!(passed >= 3, "only {passed} tests ran");
    left(began, &["visitor-files.png", "agent-files.png"])
}

#[tokio::test]
async fn a_reload_in_the_middle_of_a_send_and_realtime_or_postgrest_away() -> Result<()> {
    let passed = Stage::open().await?.passes("faults.test.mjs").await?;
    ensure!(passed >= 4, "only {passed} tests ran");
    Ok(())
}

#[tokio::test]
async fn react_draws_what_is_said_who_writes_and_who_is_there_by_the_hooks() -> Result<()> {
    let stage = Stage::open().await?;
    let no_form = format!(
        "insert into public.mod_chat_widget_settings (site_id, pre_chat_enabled) values ('{}', false)
        on conflict (site_id) do update set pre_chat_enabled = false",
        stage.site.id
    );
    stage.db.as_owner(&no_form).await?;
    stage.passes("hooks.test.mjs").await?;
    Ok(())
}

#[tokio::test]
async fn script_in_every_field_is_text() -> Result<()> {
    let stage = Stage::open().await?;
    let script =
        r#"<img src=x onerror="alert(1)"><script>alert(2)</script>"'&amp;"#.replace('\'', "''");
    let site = stage.site.id;
    let written = [
        format!(
            "insert into public.mod_chat_widget_settings (site_id) values ('{site}') on conflict do nothing"
        ),
        format!(
            "update public.mod_chat_widget_settings set company_name = '{script}', welcome_message = '{script}',
                privacy_text = '{script}', privacy_required = true where site_id = '{site}'"
        ),
        format!(
            "update public.mod_chat_agents set display_name = '{script}', avatar_url = '{script}' where site_id = '{site}'"
        ),
    ];
    for sql in &written {
        stage.db.as_owner(sql).await?;
    }
    stage.passes("script.test.mjs").await?;
    Ok(())
}
