//! Suite `whatsapp`: what Meta and an agent see of it, through all processes: the real worker over HTTP with signed bodies,
//! PostgreSQL that waits for its disk, the Graph simulator.
//!
//! Beside it, in the same rounds and on the same server, stands the webhook of the users' own plan as a Node handler
//! (`bench/node`). Both answer 200 when the work is done. Everybody who writes is known and has an open, assigned
//! conversation, as in suite `path`. Generator, simulator, receiver and server share the machine, so the rates are a whole
//! system's; the processor time tells who used it.

mod arrivals;
mod desk;
mod notify;
mod post;
mod sends;
mod stage;

use anyhow::Result;

use crate::Size;
use crate::cluster::Cluster;
use crate::figures::Figures;
use stage::Stage;

const SUITE: &str = "whatsapp";

/// Measures everything and prints each table when it is done.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    cluster.write_as_in_production().await?;
    let mut stage = Stage::open(cluster).await?;
    let mut figures = Figures::default();
    figures.add(arrivals::run(&mut stage, size).await?);
    figures.add(sends::run(&mut stage, size).await?);
    figures.add(desk::run(cluster, &mut stage, size).await?);
    let mut site = stage.close().await?;
    figures.add(notify::run(cluster, &mut site, size).await?);
    Ok(figures)
}
