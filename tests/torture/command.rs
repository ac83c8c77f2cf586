//! `cargo x torture`: random calls of everything public, as many as you like.

use clap::Parser;

mod callers;
mod calls;
mod catalog;
mod chance;
mod deadlock;
mod known;
mod leases;
mod player;
mod run;
mod verdict;
mod wording;
mod world;

use run::Torture;

#[derive(Parser)]
#[command(name = "cargo x torture")]
struct Args {
    /// Repeat the choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// How many calls
    #[arg(long, default_value_t = 1_000_000)]
    calls: usize,
    /// From how many connections at once
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let recount_every = (args.calls / 50).clamp(4_000, 20_000);
    let torture = Torture {
        seed: args.seed.unwrap_or_else(rand::random),
        calls: args.calls,
        connections: args.connections,
        recount_every,
        crashes: (args.calls / recount_every / 4).max(2),
    };
    torture.run().await
}
