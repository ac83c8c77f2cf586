//! What clients have seen: ids to call with.

use std::collections::HashMap;

use anyhow::Result;
use pg_chat_tests::Door;
use uuid::Uuid;

/// Ids of each site, by kind, as known.sql collects them.
#[derive(Default)]
pub struct Known {
    ids: HashMap<(Uuid, String), Vec<String>>,
}

impl Known {
    /// Looks anew.
    pub async fn look(owner: &Door) -> Result<Self, sqlx::Error> {
        let rows: Vec<(Uuid, String, Vec<String>)> = sqlx::query_as(include_str!("known.sql"))
            .fetch_all(owner)
            .await?;
        let ids = rows
            .into_iter()
            .map(|(site, kind, ids)| ((site, kind), ids));
        Ok(Self { ids: ids.collect() })
    }

    /// Ids of a kind at a site.
    pub fn of(&self, site: Uuid, kind: &str) -> &[String] {
        self.ids
            .get(&(site, kind.to_owned()))
            .map_or(&[], Vec::as_slice)
    }
}
