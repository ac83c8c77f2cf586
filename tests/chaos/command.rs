//! `cargo x chaos NAME`: messages while everything goes wrong, as many as you like.

use anyhow::ensure;
use clap::Parser;

mod live;
mod whatsapp;

use live::Live;
use whatsapp::Chaos;

#[derive(Parser)]
#[command(name = "cargo x chaos")]
struct Args {
    chaos: Name,
    /// Repeat the choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// `whatsapp`: how many messages agents send
    #[arg(long, default_value_t = 5_000)]
    out: usize,
    /// `whatsapp`: how many messages people write
    #[arg(long = "in", default_value_t = 5_000)]
    into: usize,
    /// `live`: how many messages both sides write
    #[arg(long, default_value_t = 2_000)]
    messages: usize,
    /// `live`: to how many pages, of visitors and of agents
    #[arg(long, default_value_t = 20)]
    clients: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    /// Visitors and agents in Node over Realtime, REST and Auth, none of which can be relied on
    Live,
    /// Two workers between Meta and PostgreSQL, none of which can be relied on
    Whatsapp,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    match args.chaos {
        Name::Live => {
            ensure!(
                (4..=100).contains(&args.clients),
                "4 to 100 clients can be had, not {}",
                args.clients
            );
            let live = Live {
                seed,
                clients: args.clients,
                messages: args.messages,
            };
            live.run().await?;
        }
        Name::Whatsapp => {
            let chaos = Chaos {
                seed,
                out: args.out,
                into: args.into,
                hurried: false,
            };
            chaos.run().await?;
        }
    }
    println!("everything held");
    Ok(())
}
