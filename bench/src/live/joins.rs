//! Joins a second: every socket joins one more topic at once. Beside ours: a public topic, which asks the database nothing,
//! and a private one whose policy says yes to everybody.

use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;

use super::stage::{DATABASE, SITE, Stage};
use super::{AGENTS, SUITE, VISITORS};
use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Measure};

/// What is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Public,
    Open,
    Ours,
}

impl Way {
    const ALL: [Self; 3] = [Self::Public, Self::Open, Self::Ours];

    fn name(self) -> &'static str {
        match self {
            Self::Public => "a public topic",
            Self::Open => "a policy that asks nothing",
            Self::Ours => "ours",
        }
    }

    /// Agents join conversations, visitors their own topic.
    fn topic(self, stage: &Stage, socket: usize) -> String {
        match self {
            Self::Public => format!("public:{socket}"),
            Self::Open => format!("open:{socket}"),
            Self::Ours if socket < AGENTS => {
                let conversation = stage.visitors[socket % VISITORS].conversation;
                format!("chat:conversation:{conversation}")
            }
            Self::Ours => format!("chat:visitor:{}", stage.visitors[socket - AGENTS].id),
        }
    }
}

/// Each way in turn; then everybody has joined what they listen to.
pub async fn run(cluster: &Cluster, stage: &mut Stage, size: Size) -> Result<Vec<Measure>> {
    let rounds = if size == Size::Large { 31 } else { 11 };
    // A first join has the double make its slot, and PostgreSQL the double's connection.
    stage.sockets[0]
        .join("open:first", true, &stage.tokens[0], true)
        .await?;
    let mut samples: [Vec<f64>; 3] = Default::default();
    for round in 0..=rounds {
        for (way, rates) in Way::ALL.into_iter().zip(&mut samples) {
            let rate = join_all(stage, way).await?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let open = samples[1].clone();
    let measures: Vec<_> = Way::ALL
        .into_iter()
        .zip(samples)
        .map(|(way, samples)| Measure {
            suite: SUITE,
            case: way.name().to_owned(),
            metric: "joins a second",
            unit: "1/s",
            samples,
            against: (way != Way::Open).then(|| (Way::Open.name().to_owned(), open.clone())),
            goal: None,
        })
        .collect();
    let heading = format!(
        "{} sockets join at once, {rounds} rounds; the double asks through one connection",
        stage.sockets.len()
    );
    figures::print(&heading, &measures);
    listen(cluster, stage).await?;
    Ok(measures)
}

async fn join_all(stage: &mut Stage, way: Way) -> Result<f64> {
    let topics: Vec<_> = (0..stage.sockets.len())
        .map(|socket| way.topic(stage, socket))
        .collect();
    let private = way != Way::Public;
    let begun = Instant::now();
    let sockets = stage.sockets.iter_mut().zip(&topics).zip(&stage.tokens);
    try_join_all(sockets.map(|((socket, topic), token)| socket.join(topic, private, token, false)))
        .await?;
    let seconds = begun.elapsed().as_secs_f64();
    let sockets = stage.sockets.iter_mut().zip(&topics);
    try_join_all(sockets.map(|(socket, topic)| socket.leave(topic))).await?;
    #[expect(clippy::cast_precision_loss, reason = "hundreds of sockets")]
    Ok(topics.len() as f64 / seconds)
}

/// Agents listen to their site, visitors to themselves.
async fn listen(cluster: &Cluster, stage: &mut Stage) -> Result<()> {
    let site = format!("chat:site:{SITE}");
    let topics: Vec<_> = (0..stage.sockets.len())
        .map(|socket| {
            if socket < AGENTS {
                site.clone()
            } else {
                Way::Ours.topic(stage, socket)
            }
        })
        .collect();
    let sockets = stage.sockets.iter_mut().zip(&topics).zip(&stage.tokens);
    try_join_all(sockets.map(|((socket, topic), token)| socket.join(topic, true, token, true)))
        .await?;
    let mut admin = cluster.connect(SUPERUSER, DATABASE).await?;
    sqlx::Executor::execute(&mut admin, "vacuum (analyze)").await?;
    Ok(sqlx::Connection::close(admin).await?)
}
