//! The attacks, and which of them to try first on a mutation: an attack takes a tenth of a second, and there are hundreds.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use local_stack::server::SUPERUSER;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::Mutation;
use crate::attacks::{self, Attack};
use crate::world::World;

/// All attacks, with what was learnt of them.
pub struct Attacks {
    all: Vec<Traced>,
    /// In how many attacks' names a word is.
    names_with: BTreeMap<String, usize>,
}

/// An attack, and what it was seen to do.
pub struct Traced {
    /// The attack.
    pub attack: Attack,
    words: BTreeSet<String>,
    /// Functions, as `schema.name`, that it ran to its end; empty before it was traced.
    ran: OnceCell<BTreeSet<String>>,
}

impl Attacks {
    /// Nothing is known of them but their names.
    pub fn new() -> Self {
        let all: Vec<_> = attacks::all()
            .into_iter()
            .map(|attack| Traced {
                attack,
                words: words(attack.name),
                ran: OnceCell::new(),
            })
            .collect();
        let mut names_with = BTreeMap::new();
        for word in all.iter().flat_map(|one| &one.words) {
            *names_with.entry(word.clone()).or_default() += 1;
        }
        Self { all, names_with }
    }

    /// All of them. Those first that were seen to run what was mutated and little else; then those of which nothing is
    /// known, by the words they share with the mutation's name; then the others, because PostgreSQL does not count a call
    /// that ends in an error.
    pub fn against(&self, mutation: &Mutation) -> Vec<&Traced> {
        let named = words(&mutation.name);
        let likeness = |one: &Traced| -> usize {
            let shared = one.words.intersection(&named);
            shared.map(|word| 1_000 / self.names_with[word]).sum()
        };
        let runs_it =
            |ran: &BTreeSet<String>| mutation.functions.iter().any(|name| ran.contains(name));
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_cached_key(|one| match one.ran.get() {
            Some(ran) if runs_it(ran) => (0, ran.len(), Reverse(0)),
            Some(_) if !mutation.functions.is_empty() => (2, 0, Reverse(likeness(one))),
            _ => (1, 0, Reverse(likeness(one))),
        });
        all
    }
}

impl Traced {
    /// Tries the attack in a mutated world that nobody has seen, and keeps what it ran.
    pub async fn try_in(&self, world: &World) -> Result<Result<()>> {
        if self.ran.get().is_some() {
            return Ok((self.attack.tried)(world).await);
        }
        count_calls(world).await?;
        let fate = (self.attack.tried)(world).await;
        if fate.is_ok() {
            let ran = counted(world).await?;
            // Whoever tried it in another world meanwhile saw the same.
            self.ran.get_or_init(|| ran);
        }
        Ok(fate)
    }
}

/// The words of a name, whether of one or of many.
fn words(name: &str) -> BTreeSet<String> {
    name.split(|letter: char| !letter.is_alphanumeric())
        .map(|word| word.trim_end_matches('s').to_lowercase())
        .filter(|word| word.len() > 2)
        .collect()
}

/// Has PostgreSQL count calls of all but inlined functions, on connections that are opened from now on.
async fn count_calls(world: &World) -> Result<()> {
    let count = format!(
        "alter database {} set track_functions = 'all'",
        world.db.name()
    );
    let mut connection = world.db.connect_as(SUPERUSER).await?;
    connection.execute(AssertSqlSafe(count)).await?;
    connection.close().await?;
    Ok(())
}

/// The functions that were called.
async fn counted(world: &World) -> Result<BTreeSet<String>> {
    let mut connection = world.db.alone().await?;
    let ran: Vec<String> =
        sqlx::query_scalar("select schemaname || '.' || funcname from pg_stat_user_functions")
            .fetch_all(&mut connection)
            .await?;
    Ok(ran.into_iter().collect())
}
