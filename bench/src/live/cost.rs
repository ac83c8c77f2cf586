//! What telling of a message costs the database: an agent's message with and without Realtime, and with the way of telling
//! that comes to mind first, a `realtime.send` for each topic.

use anyhow::{Context, Result};
use sqlx::{Connection, Executor, PgConnection};

use super::SUITE;
use super::stage::{self, DATABASE, Visitor};
use crate::Size;
use crate::backend::Backend;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Measure};

/// How it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Quiet,
    Sends,
    Ours,
}

impl Way {
    const ALL: [Self; 3] = [Self::Quiet, Self::Sends, Self::Ours];

    fn name(self) -> &'static str {
        match self {
            Self::Quiet => "without Realtime",
            Self::Sends => "realtime.send a topic",
            Self::Ours => "ours",
        }
    }

    fn database(self) -> &'static str {
        match self {
            Self::Quiet => "bench_live_quiet",
            Self::Sends => "bench_live_sends",
            Self::Ours => "bench_live_cost",
        }
    }

    /// What is otherwise in its database.
    fn change(self) -> &'static str {
        match self {
            Self::Quiet => "alter schema realtime rename to realtime_elsewhere",
            Self::Sends => include_str!("../../sql/live/sends.sql"),
            Self::Ours => "select",
        }
    }
}

/// A way, its connection, and what a message took: one sample a round.
struct Contender {
    way: Way,
    connection: PgConnection,
    backend: Backend,
    cpu: Vec<f64>,
}

/// Rounds of each way in turn, each in a database of its own.
pub async fn run(cluster: &Cluster, visitors: &[Visitor], size: Size) -> Result<Vec<Measure>> {
    let (rounds, messages) = if size == Size::Large {
        (31, 1_000)
    } else {
        (11, 300)
    };
    let mut contenders = Vec::new();
    for way in Way::ALL {
        cluster.clone_database(way.database(), DATABASE).await?;
        let mut admin = cluster.connect(SUPERUSER, way.database()).await?;
        sqlx::raw_sql(way.change())
            .execute(&mut admin)
            .await
            .with_context(|| way.name())?;
        admin.execute("vacuum (analyze)").await?;
        admin.close().await?;
        let mut connection = stage::agent(cluster, way.database()).await?;
        connection.execute("set synchronous_commit = off").await?;
        let backend = Backend::of(&mut connection).await?;
        contenders.push(Contender {
            way,
            connection,
            backend,
            cpu: Vec::new(),
        });
    }
    for round in 0..=rounds {
        for contender in &mut contenders {
            let micros = contender.write(visitors, messages).await?;
            if round > 0 {
                contender.cpu.push(micros);
            }
        }
    }
    let measures = report(&contenders);
    let heading = format!(
        "an agent's message of the widget, {rounds} rounds of {messages}, synchronous_commit off"
    );
    figures::print(&heading, &measures);
    for contender in contenders {
        contender.connection.close().await?;
    }
    Ok(measures)
}

impl Contender {
    /// Server's processor time a message, in microseconds.
    async fn write(&mut self, visitors: &[Visitor], messages: usize) -> Result<f64> {
        let before = self.backend.cpu()?;
        for visitor in visitors.iter().cycle().take(messages) {
            sqlx::query(
                "insert into public.mod_chat_messages (conversation_id, content)
                values ($1, 'It is on its way and will be with you tomorrow.')",
            )
            .bind(visitor.conversation)
            .execute(&mut self.connection)
            .await?;
        }
        let cpu = self.backend.cpu()? - before;
        #[expect(clippy::cast_precision_loss, reason = "hundreds of messages")]
        Ok(cpu.as_secs_f64() * 1e6 / messages as f64)
    }
}

fn report(contenders: &[Contender]) -> Vec<Measure> {
    let of = |way: Way| {
        let found = contenders.iter().find(|contender| contender.way == way);
        found.map_or_else(Vec::new, |contender| contender.cpu.clone())
    };
    let quiet = of(Way::Quiet);
    let more = |way: Way| -> Vec<f64> {
        let pairs = of(way).into_iter().zip(&quiet);
        pairs.map(|(with, without)| with - without).collect()
    };
    let measure = |way: Way, metric, samples, against| Measure {
        suite: SUITE,
        case: way.name().to_owned(),
        metric,
        unit: "µs",
        samples,
        against,
        goal: None,
    };
    let whole = Way::ALL.map(|way| {
        let against = (way != Way::Quiet).then(|| (Way::Quiet.name().to_owned(), quiet.clone()));
        measure(way, "server CPU a message", of(way), against)
    });
    let sends = (Way::Sends.name().to_owned(), more(Way::Sends));
    let part = [
        measure(Way::Sends, "of it the broadcast", more(Way::Sends), None),
        measure(
            Way::Ours,
            "of it the broadcast",
            more(Way::Ours),
            Some(sends),
        ),
    ];
    whole.into_iter().chain(part).collect()
}
