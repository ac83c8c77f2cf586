//! What somebody with a valid token may try. An attack is a function that errs when it got through, so that
//! [`crate::without`] can show that it does get through once its rule is gone.

use anyhow::{Context, Result, bail, ensure};
use pg_chat_tests::Refusal;

pub mod across_sites;
pub mod authors;
pub mod claims;
pub mod limits;
pub mod lists;
pub mod numbers;
pub mod rights;
pub mod sessions;
pub mod settings;
pub mod statuses;
pub mod talk;
pub mod visitors;
pub mod widget;

mod refusals;

/// Makes a test of each attack, in a world of its own.
macro_rules! held_off {
    ($($attack:ident),+ $(,)?) => {
        mod held_off {
            $(
                #[tokio::test]
                async fn $attack() -> anyhow::Result<()> {
                    super::$attack(&crate::world::World::new().await?).await
                }
            )+
        }
    };
}
pub(crate) use held_off;

/// Errs unless the database refused with this SQLSTATE and, where `said` goes on, this code of ours in the detail:
/// `42501`, `PT403 chat/not_allowed`. What we refuse ourselves must say in the hint what to do instead.
pub fn refused<T>(result: Result<T, sqlx::Error>, said: &str) -> Result<()> {
    let error = match result {
        Ok(_) => bail!("it got through, {said} was expected"),
        Err(error) => error,
    };
    let refusal =
        Refusal::of(&error).with_context(|| format!("not a refusal of the database: {error}"))?;
    let (sqlstate, detail) = said
        .split_once(' ')
        .map_or((said, None), |(state, detail)| (state, Some(detail)));
    ensure!(
        refusal.sqlstate == sqlstate,
        "refused with {refusal:?}, {said} was expected"
    );
    if detail.is_some() {
        ensure!(
            refusal.detail.as_deref() == detail,
            "refused with {refusal:?}, {said} was expected"
        );
        ensure!(
            refusal.hint.is_some_and(|hint| !hint.is_empty()),
            "{said} has no hint"
        );
    }
    Ok(())
}
