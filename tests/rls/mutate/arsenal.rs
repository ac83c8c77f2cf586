//! The attacks, and which of them to try first on a mutation: an attack takes a tenth of a second, and there are hundreds.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use local_stack::server::SUPERUSER;
use pg_chat_tests::wait_until;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::Mutation;
use crate::attacks::{self, Attack};
use crate::world::World;

/// All attacks, with what was learnt of them.
pub struct Arsenal {
    weapons: Vec<Weapon>,
    /// In how many attacks' names a word is.
    names_with: BTreeMap<String, usize>,
}

/// An attack, and what it was seen to do.
pub struct Weapon {
    /// The attack.
    pub attack: Attack,
    words: BTreeSet<String>,
    /// Functions, as `schema.name`, that it ran to its end; empty before it was traced.
    ran: OnceCell<BTreeSet<String>>,
}

impl Arsenal {
    /// Nothing is known of them but their names.
    pub fn new() -> Self {
        let weapons: Vec<_> = attacks::all()
            .into_iter()
            .map(|attack| Weapon {
                attack,
                words: words(attack.name),
                ran: OnceCell::new(),
            })
            .collect();
        let mut names_with = BTreeMap::new();
        for word in weapons.iter().flat_map(|weapon| &weapon.words) {
            *names_with.entry(word.clone()).or_default() += 1;
        }
        Self {
            weapons,
            names_with,
        }
    }

    /// All of them. Those first that were seen to run what was mutated and little else; then those of which nothing is
    /// known, by the words they share with the mutation's name; then the others, because PostgreSQL does not count a call
    /// that ends in an error.
    pub fn against(&self, mutation: &Mutation) -> Vec<&Weapon> {
        let named = words(&mutation.name);
        let likeness = |weapon: &Weapon| -> usize {
            let shared = weapon.words.intersection(&named);
            shared.map(|word| 1_000 / self.names_with[word]).sum()
        };
        let runs_it =
            |ran: &BTreeSet<String>| mutation.functions.iter().any(|name| ran.contains(name));
        let mut weapons: Vec<_> = self.weapons.iter().collect();
        weapons.sort_by_cached_key(|weapon| match weapon.ran.get() {
            Some(ran) if runs_it(ran) => (0, ran.len(), Reverse(0)),
            Some(_) if !mutation.functions.is_empty() => (2, 0, Reverse(likeness(weapon))),
            _ => (1, 0, Reverse(likeness(weapon))),
        });
        weapons
    }
}

impl Weapon {
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

/// The functions that were called, once every other connection is closed.
async fn counted(world: &World) -> Result<BTreeSet<String>> {
    world.db.leave().await;
    let mut connection = world.db.connect_as(SUPERUSER).await?;
    // Backends report what they counted when they end.
    let others = "select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    wait_until("the attack's connections are closed", async || {
        let open: i64 = sqlx::query_scalar(others)
            .fetch_one(&mut connection)
            .await?;
        Ok((open == 0).then_some(()))
    })
    .await?;
    let ran: Vec<String> =
        sqlx::query_scalar("select schemaname || '.' || funcname from pg_stat_user_functions")
            .fetch_all(&mut connection)
            .await?;
    Ok(ran.into_iter().collect())
}
