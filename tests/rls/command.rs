//! `cargo x test rls --mutate`: every rule taken away in turn.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use mutate::campaign::Campaign;

mod attacks;
mod calls;
mod cells;
mod differences;
mod expected;
mod mutate;
mod objects;
mod observe;
mod personas;
mod questions;
mod world;

#[derive(Parser)]
#[command(name = "cargo x test rls --mutate")]
struct Args {
    /// Whence the order
    #[arg(long)]
    seed: Option<u64>,
    /// Only mutations whose name has this in it, or of the kind that the report calls so; may be said several times
    #[arg(long)]
    only: Vec<String>,
    /// List them, try none
    #[arg(long)]
    list: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let report = Campaign {
        seed: Some(seed),
        first: None,
        only: args.only,
        is_list: args.list,
        is_told: true,
    }
    .run()
    .await?;
    println!("{}", report.text());
    Ok(if report.survivors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
