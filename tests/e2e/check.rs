//! `worker check` says in words what is missing or wrong, and by its exit status whether anything is.

use std::process::{Command, Output};

use anyhow::Result;
use local_stack::graph::Handle;
use pg_chat_tests::graph::{self, ACCESS_TOKEN, APP_ID, APP_SECRET, VERIFY_TOKEN};
use pg_chat_tests::{Number, Origin, Site, TestDb, environment, http_client};

/// A database, Meta, and the settings of a worker for both.
struct Desk {
    _origin: Origin,
    graph: Handle,
    number: Number,
    settings: Vec<(&'static str, String)>,
    /// Dropped last.
    db: TestDb,
}

/// What was said, and the exit status.
struct Said {
    words: String,
    status: Option<i32>,
}

impl Desk {
    async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let number = site.number(&db, "106540352242922").await?;
        let graph =
            graph::start(&number, "http://127.0.0.1:9/webhooks/whatsapp".to_owned()).await?;
        let origin = Origin::of(&db).await?;
        let settings = vec![
            ("CHAT_DATABASE_URL", db.url("chat_worker")),
            ("CHAT_GRAPH_URL", graph.url()),
            ("CHAT_WHATSAPP_SITE_ID", site.id.to_string()),
            ("CHAT_WHATSAPP_APP_ID", APP_ID.to_owned()),
            ("WHATSAPP_PHONE_NUMBER_ID", number.phone_number_id.clone()),
            ("WHATSAPP_BUSINESS_ACCOUNT_ID", number.waba_id.clone()),
            ("WHATSAPP_ACCESS_TOKEN", ACCESS_TOKEN.to_owned()),
            ("WHATSAPP_APP_SECRET", APP_SECRET.to_owned()),
            ("WHATSAPP_VERIFY_TOKEN", VERIFY_TOKEN.to_owned()),
            ("SUPABASE_URL", origin.url()),
            ("SUPABASE_SERVICE_ROLE_KEY", origin.key("service_role")),
        ];
        Ok(Self {
            _origin: origin,
            graph,
            number,
            settings,
            db,
        })
    }

    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    async fn check(&self) -> Result<Said> {
        let mut check = Command::new(environment().programs.join("worker"));
        check
            .arg("check")
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        // Meta answers from this process meanwhile.
        let Output {
            status,
            stdout,
            stderr,
        } = tokio::task::spawn_blocking(move || check.output()).await??;
        let words = format!(
            "{}{}",
            String::from_utf8(stdout)?,
            String::from_utf8(stderr)?
        );
        for secret in [APP_SECRET, VERIFY_TOKEN, ACCESS_TOKEN] {
            assert!(!words.contains(secret), "a secret is shown:\n{words}");
        }
        Ok(Said {
            words,
            status: status.code(),
        })
    }
}

impl Said {
    /// There is a line of this mark that speaks of all this.
    fn assert_line(&self, mark: &str, speaks_of: &[&str]) {
        let is_it =
            |line: &str| line.starts_with(mark) && speaks_of.iter().all(|word| line.contains(word));
        assert!(
            self.words.lines().any(is_it),
            "no line `{mark} … {speaks_of:?}` in:\n{}",
            self.words
        );
    }
}

#[tokio::test]
async fn all_is_well_where_all_is_well() -> Result<()> {
    let said = Desk::open().await?.check().await?;
    assert_eq!(said.status, Some(0), "{}", said.words);
    assert!(
        said.words.lines().all(|line| line.starts_with("ok ")),
        "{}",
        said.words
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_token_is_named_with_the_way_out() -> Result<()> {
    let desk = Desk::open()
        .await?
        .set("WHATSAPP_ACCESS_TOKEN", "another token");
    let said = desk.check().await?;
    assert_eq!(said.status, Some(1));
    said.assert_line(
        "wrong",
        &["number", &desk.number.phone_number_id, "190", "new token"],
    );
    assert!(!said.words.contains("another token"));
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() -> Result<()> {
    let desk = Desk::open().await?.set(
        "CHAT_DATABASE_URL",
        "postgresql://chat_worker:pw-of-nobody@127.0.0.1:9/nowhere",
    );
    let said = desk.check().await?;
    assert_eq!(said.status, Some(1));
    said.assert_line("wrong", &["database", "CHAT_DATABASE_URL"]);
    assert!(!said.words.contains("pw-of-nobody"));
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_too_much_is_wrong() -> Result<()> {
    let desk = Desk::open().await?;
    let url = desk.settings[0].1.replace("chat_worker", "postgres");
    let said = desk.set("CHAT_DATABASE_URL", &url).check().await?;
    assert_eq!(said.status, Some(1));
    said.assert_line("wrong", &["database role", "postgres", "chat_worker"]);
    Ok(())
}

#[tokio::test]
async fn an_app_that_is_not_subscribed_is_wrong() -> Result<()> {
    let desk = Desk::open().await?;
    let apps = format!(
        "{}/v26.0/{}/subscribed_apps",
        desk.graph.url(),
        desk.number.waba_id
    );
    http_client()
        .delete(apps)
        .bearer_auth(ACCESS_TOKEN)
        .send()
        .await?
        .error_for_status()?;
    let said = desk.check().await?;
    assert_eq!(said.status, Some(1));
    said.assert_line("wrong", &["webhooks", "no app is subscribed"]);
    Ok(())
}

#[tokio::test]
async fn settings_that_are_missing_are_named_by_their_variables() -> Result<()> {
    let mut desk = Desk::open().await?;
    desk.settings
        .retain(|(name, _)| !matches!(*name, "WHATSAPP_APP_SECRET" | "WHATSAPP_VERIFY_TOKEN"));
    let said = desk.check().await?;
    assert_eq!(said.status, Some(1));
    said.assert_line("missing", &["WHATSAPP_APP_SECRET"]);
    said.assert_line("missing", &["WHATSAPP_VERIFY_TOKEN"]);
    Ok(())
}

#[tokio::test]
async fn storage_that_takes_no_files_is_named() -> Result<()> {
    let desk = Desk::open().await?;
    for (statement, mark, speaks_of) in [
        (
            "update storage.buckets set public = true",
            "wrong",
            "public",
        ),
        (
            "delete from storage.buckets",
            "wrong",
            "apply the migration",
        ),
    ] {
        desk.db.as_owner(statement).await?;
        let said = desk.check().await?;
        assert_eq!(said.status, Some(1), "{}", said.words);
        said.assert_line(mark, &["Storage", speaks_of]);
    }
    let desk = desk.set("SUPABASE_URL", "http://127.0.0.1:9");
    let said = desk.check().await?;
    assert_eq!(said.status, Some(2), "{}", said.words);
    said.assert_line("unknown", &["Storage", "SUPABASE_URL"]);
    let said = desk.set("SUPABASE_SERVICE_ROLE_KEY", "").check().await?;
    said.assert_line("missing", &["SUPABASE_SERVICE_ROLE_KEY"]);
    Ok(())
}
