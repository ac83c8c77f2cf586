//! A site at work: ten thousand people with an open, assigned conversation each.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::{Uuid, uuid};

use super::Case;
use crate::cluster::{Cluster, OWNER, SUPERUSER, TEMPLATE, WORKER};
use crate::messages::{self, Message, phone_of};

/// `chat.whatsapp_apps.id` of the app that signs.
pub const APP: Uuid = uuid!("0b000000-0000-4000-8000-000000000001");

/// `sites.id`
pub const SITE: Uuid = uuid!("05000000-0000-4000-8000-000000000001");

/// How many people write, each in a conversation of their own.
const PEOPLE: usize = 10_000;

/// As many items as the worker puts into a run.
const RUN: usize = 50;

/// The keys of one person.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// `mod_chat_conversations.id`
    pub conversation: Uuid,
    /// `mod_chat_visitors.id`
    pub visitor: Uuid,
}

/// The site, who writes to it, and what is written next.
pub struct Site {
    /// By number.
    pub people: Vec<Person>,
    written: usize,
    chance: StdRng,
}

impl Site {
    /// Makes the site in a database of its own. The people and their history of so many messages each come through the
    /// path itself, so everything stands as it would in production.
    pub async fn make(cluster: &Cluster, history: usize) -> Result<Self> {
        let database = Case::Ours.database();
        cluster.clone_database(database, TEMPLATE).await?;
        let mut admin = cluster.connect(SUPERUSER, database).await?;
        sqlx::raw_sql(include_str!("../../sql/path/ours.sql"))
            .execute(&mut admin)
            .await
            .context("sql/path/ours.sql")?;

        let mut site = Self {
            people: Vec::new(),
            written: 0,
            chance: StdRng::seed_from_u64(1),
        };
        println!("{PEOPLE} people write {history} messages each ...");
        let mut worker = cluster.connect(WORKER, database).await?;
        for round in 0..history {
            for first in (0..PEOPLE).step_by(RUN) {
                let written: Vec<_> = (first..first + RUN)
                    .map(|person| site.write(person))
                    .collect();
                for run in messages::runs(&written)? {
                    sqlx::query("select public.chat_receive_whatsapp($1, $2)")
                        .bind(APP)
                        .bind(Json(run))
                        .execute(&mut worker)
                        .await?;
                }
            }
            // Without statistics the next round is planned as if the tables were still empty.
            if round == 0 {
                admin.execute("vacuum (analyze)").await?;
            }
        }
        site.people = people(&mut admin).await?;
        Case::Ours.settle(&mut admin).await?;
        admin.execute("vacuum (analyze)").await?;
        admin.execute("checkpoint").await?;
        super::close([worker, admin]).await?;
        Ok(site)
    }

    /// Makes the same site without Realtime, and the peers' tables.
    pub async fn make_peers(&self, cluster: &Cluster) -> Result<()> {
        let quiet = Case::OursQuiet.database();
        cluster.clone_database(quiet, Case::Ours.database()).await?;
        let mut admin = cluster.connect(SUPERUSER, quiet).await?;
        admin
            .execute("alter schema realtime rename to realtime_elsewhere")
            .await?;
        admin.execute("vacuum (analyze)").await?;
        admin.close().await?;
        self.make_tables(cluster).await
    }

    /// Makes the tables of the floor and of the seeds' way, with the same rows.
    pub async fn make_tables(&self, cluster: &Cluster) -> Result<()> {
        let mut owner = cluster.connect(OWNER, Case::Ours.database()).await?;
        for (file, sql) in [
            ("floor.sql", include_str!("../../sql/path/floor.sql")),
            ("seeds.sql", include_str!("../../sql/path/seeds.sql")),
            ("loops.sql", include_str!("../../sql/path/loops.sql")),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut owner)
                .await
                .context(file)?;
        }
        owner.execute("vacuum (analyze)").await?;
        Ok(owner.close().await?)
    }

    /// The next message of one person.
    pub fn write(&mut self, person: usize) -> Message {
        self.written += 1;
        Message::new(self.written, person)
    }

    /// The next message of somebody; the same ones in every run of the program.
    pub fn write_anywhere(&mut self) -> Message {
        let person = self.chance.random_range(0..PEOPLE);
        self.write(person)
    }

    /// The source of chance, for shuffling.
    pub fn chance(&mut self) -> &mut StdRng {
        &mut self.chance
    }
}

/// Finds everybody's conversation, and makes sure that it is in the state the suite speaks of.
async fn people(admin: &mut PgConnection) -> Result<Vec<Person>> {
    let found: Vec<(String, Uuid, Uuid)> = sqlx::query_as(
        "select v.whatsapp_phone, c.id, v.id
        from public.mod_chat_conversations c join public.mod_chat_visitors v on v.id = c.visitor_id
        where c.status = 'active' and c.assigned_agent_id is not null
        order by v.whatsapp_phone",
    )
    .fetch_all(admin)
    .await?;
    ensure!(
        found.len() == PEOPLE,
        "{} of {PEOPLE} conversations are open and assigned",
        found.len()
    );
    let first = found.first().map(|(phone, ..)| phone.as_str());
    ensure!(
        first == Some(phone_of(0).as_str()),
        "{first:?} is not the first person"
    );
    Ok(found
        .into_iter()
        .map(|(_, conversation, visitor)| Person {
            conversation,
            visitor,
        })
        .collect())
}
