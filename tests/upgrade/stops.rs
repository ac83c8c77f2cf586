//! What an install cannot take over: it stops, says what, and has changed nothing.

use anyhow::{Result, ensure};
use pg_chat_tests::Fingerprint;
use sqlx::Executor;

use crate::{CONTENT, filled};

/// A list of what the install met, and a database as it was.
async fn stops(with: &str, listed: &[&str]) -> Result<()> {
    let db = filled().await?;
    db.owner().execute(sqlx::AssertSqlSafe(with)).await?;
    let before = (Fingerprint::of(&db).await?, db.row(CONTENT).await?);
    let Err(error) = db.install().await else {
        anyhow::bail!("the install should have stopped: {with}");
    };
    let said = error.to_string();
    for line in listed {
        ensure!(said.contains(line), "`{line}` is not in:\n{said}");
    }
    ensure!(said.contains("chat/cannot_adopt"), "{said}");
    let after = Fingerprint::of(&db).await?;
    assert_eq!(before.0.changes_to(&after), Vec::<String>::new());
    assert_eq!(db.row(CONTENT).await?, before.1);
    Ok(())
}

#[tokio::test]
async fn policies_that_are_not_lc01s_stop_the_install_with_their_list() -> Result<()> {
    stops(
        "create policy everybody on mod_chat_messages for select using (true);
        create policy mine on mod_chat_visitors for update to authenticated using (loyalty > 5)",
        &[
            "open policy everybody on mod_chat_messages: true",
            "foreign policy mine on mod_chat_visitors: (loyalty > 5)",
        ],
    )
    .await
}

#[tokio::test]
async fn views_and_triggers_of_the_host_stop_the_install_with_their_list() -> Result<()> {
    stops(
        "create view busy as select id from mod_chat_conversations where status = 'active';
        create trigger theirs before update on mod_chat_agents for each row execute function update_updated_at_column()",
        &[
            "view busy, which reads mod_chat_conversations",
            "trigger theirs on mod_chat_agents",
        ],
    )
    .await
}

#[tokio::test]
async fn rows_that_no_key_of_ours_takes_stop_the_install_with_an_example() -> Result<()> {
    stops(
        "update mod_chat_visitors set site_id = 'b0000000-0000-4000-8000-000000000002' where name = 'Yuki';
        insert into mod_chat_analytics (site_id, date) values ('b0000000-0000-4000-8000-000000000001', '2026-01-02')",
        &[
            "2 conversations whose visitor, agent or department is of another site, e.g. 10000000-0000-4000-8000-000000000003",
            "1 days of analytics that stand there twice, e.g. 2026-01-02 of site b0000000-0000-4000-8000-000000000001",
        ],
    )
    .await
}
