//! Suite `live`: how soon a committed message is at whoever listens, how fast listeners join, what telling them costs the
//! database, and what a page loads for it.
//!
//! Two hundred sockets listen over the Realtime double: half are agents, who all hear of every message of the site, half
//! are visitors, each on a topic of their own. The double stands on the same machine and takes its rows from a
//! replication slot as the real server does; what it costs itself is in every figure.

mod cost;
mod joins;
mod latency;
mod size;
mod socket;
mod stage;

use anyhow::Result;

use crate::Size;
use crate::cluster::Cluster;
use crate::figures::Figures;

use stage::Stage;

const SUITE: &str = "live";

/// Sockets of agents, all on the site's topic.
const AGENTS: usize = 100;
/// Sockets of visitors, each on their own.
const VISITORS: usize = 100;

/// Measures each and prints its table when it is done.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    let mut figures = Figures::default();
    let site = stage::make_site(cluster).await?;
    // Before anybody listens: what the server streams to them is not the message's.
    figures.add(cost::run(cluster, &site, size).await?);
    let mut stage = Stage::open(cluster, site).await?;
    figures.add(joins::run(cluster, &mut stage, size).await?);
    figures.add(latency::run(cluster, &mut stage, size).await?);
    stage.close();
    figures.add(size::run().await?);
    Ok(figures)
}
