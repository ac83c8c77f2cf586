//! What somebody with a valid token may try. An attack is a function that errs when it got through, so that
//! [`crate::without`] can show that it does get through once its rule is gone.

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::LocalBoxFuture;
use pg_chat_tests::Refusal;

use crate::world::World;

pub mod across_sites;
pub mod authors;
pub mod claims;
pub mod crm;
pub mod files;
pub mod limits;
pub mod lists;
pub mod numbers;
pub mod rights;
pub mod roles;
pub mod routing;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod statuses;
pub mod talk;
pub mod topics;
pub mod visitors;
pub mod whatsapp;
pub mod widget;

#[cfg(test)]
mod refusals;

/// An attack: where it stands and what it does. It errs when it got through.
#[derive(Clone, Copy)]
pub struct Attack {
    /// `rls::attacks::talk::held_off::…`, as the test is called.
    pub name: &'static str,
    /// Tries it.
    pub tried: for<'a> fn(&'a World) -> LocalBoxFuture<'a, Result<()>>,
}

/// All of them.
pub fn all() -> Vec<Attack> {
    [
        across_sites::ATTACKS,
        authors::ATTACKS,
        claims::ATTACKS,
        crm::ATTACKS,
        files::ATTACKS,
        limits::ATTACKS,
        lists::ATTACKS,
        numbers::ATTACKS,
        rights::ATTACKS,
        roles::ATTACKS,
        routing::ATTACKS,
        secrets::ATTACKS,
        sessions::ATTACKS,
        settings::ATTACKS,
        statuses::ATTACKS,
        talk::ATTACKS,
        topics::ATTACKS,
        visitors::ATTACKS,
        whatsapp::ATTACKS,
        widget::ATTACKS,
    ]
    .concat()
}

/// Lists the attacks of a file, and makes a test of each in a world of its own.
macro_rules! held_off {
    ($($attack:ident),+ $(,)?) => {
        /// The attacks of this file.
        pub const ATTACKS: &[crate::attacks::Attack] = &[
            $(crate::attacks::Attack {
                name: concat!(module_path!(), "::held_off::", stringify!($attack)),
                tried: |world| Box::pin($attack(world)),
            }),+
        ];

        #[cfg(test)]
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

/// What somebody may do must not be refused; a refusal is an error of ours, as if an attack got through.
pub fn allowed<T>(result: Result<T, sqlx::Error>) -> Result<T> {
    let refusal = result.as_ref().err().and_then(Refusal::of);
    if let Some(refusal) = refusal
        && ["42501", "PT401", "PT403", "PT404"].contains(&&*refusal.sqlstate)
    {
        bail!("refused with {refusal:?}, and it is allowed");
    }
    Ok(result?)
}

/// Errs unless the database refused with this SQLSTATE and, where `said` goes on, this code of ours in the detail:
/// `42501`, `PT403 chat/not_allowed`. What we refuse ourselves must say in the hint what to do instead.
pub fn refused<T>(result: Result<T, sqlx::Error>, said: &str) -> Result<()> {
    let error = match result {
        Ok(_) => bail!("it got through, {said} was expected"),
        Err(error) => error,
    };
    let refusal =
        Refusal::of(&error).with_context(|| format!("not a refusal of the database: {error}"))?;
    // An error that no rule raises says that a statement broke.
    if ["42", "XX"].contains(&&refusal.sqlstate[..2])
        && !["42501", said].contains(&&*refusal.sqlstate)
    {
        return Err(error.into());
    }
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
