//! What a database is made of, to compare it with another.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::TestDb;

/// What there is to say about an object: its definition, grants, owner and comment.
type Facts = Vec<Option<String>>;

/// Every object of ours in a database.
#[derive(Debug)]
pub struct Fingerprint(BTreeMap<String, Vec<Facts>>);

impl Fingerprint {
    /// Looks at everything.
    pub async fn of(db: &TestDb) -> Result<Self> {
        let mut objects: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
        let mut found: Vec<(String, Facts)> = sqlx::query_as(include_str!("fingerprint.sql"))
            .fetch_all(db.owner())
            .await?;
        // Rights that are rows, where there are any; those that a site has changed are its own.
        if db
            .count("pg_tables where schemaname = 'chat' and tablename = 'permissions'")
            .await?
            > 0
        {
            let permissions =
                "select format('permission %s %s', role, permission), array[allowed::text]
                from chat.permissions where site_id is null order by 1, 2";
            found.extend(sqlx::query_as(permissions).fetch_all(db.owner()).await?);
        }
        for (name, facts) in found {
            objects.entry(name).or_default().push(facts);
        }
        Ok(Self(objects))
    }

    /// A line for each object that is not what it was.
    pub fn changes_to(&self, after: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(after.0.keys()).collect();
        let changed = names
            .into_iter()
            .filter(|name| self.0.get(*name) != after.0.get(*name));
        changed
            .map(|name| change(name, self.0.get(name), after.0.get(name)))
            .collect()
    }
}

/// The facts of an object that differ.
fn change(name: &str, before: Option<&Vec<Facts>>, after: Option<&Vec<Facts>>) -> String {
    match (before, after) {
        (None, _) => format!("{name} is new"),
        (_, None) => format!("{name} is gone"),
        (Some(before), Some(after)) => {
            let pairs = before
                .iter()
                .flatten()
                .zip(after.iter().flatten())
                .filter(|(a, b)| a != b);
            let shown =
                |fact: &Option<String>| fact.clone().unwrap_or_else(|| "nothing".to_owned());
            let differences: Vec<_> = pairs
                .map(|(a, b)| format!("{} became {}", shown(a), shown(b)))
                .collect();
            format!("{name}: {}", differences.join("; "))
        }
    }
}
