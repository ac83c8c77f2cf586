//! `cargo x race NAME`: one race of tests/races as long as you like.

use clap::Parser;
use pg_chat_tests::race::Race;

mod capacity;
mod crash;
mod deliveries;
mod forgetting;
mod hands;
mod newcomers;
mod phone_app;
mod presence;
mod staffing;
mod storm;
mod talk;
mod waiting;

#[derive(Parser)]
#[command(name = "cargo x race")]
struct Args {
    race: Name,
    /// Repeat the choices of an earlier race
    #[arg(long)]
    seed: Option<u64>,
    /// Many times the size that the tests run it with
    #[arg(long)]
    large: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    /// Conversations open at once for agents who cannot take them all
    Capacity,
    /// Deliveries repeat and overtake each other while PostgreSQL is killed
    Crash,
    /// The same while the worker is killed, and agents answer
    Deliveries,
    /// People write while they are merged, blocked, forgiven and erased
    Forgetting,
    /// Chats that change hands under every strategy, while people leave the team
    Hands,
    /// Many first messages of one new person at once
    Newcomers,
    /// A number's past is imported while people write and the business answers in its phone
    PhoneApp,
    /// Agents fall silent and are heard again while several ticks clear up behind them
    Presence,
    /// Capacities, departments, rules, skills and shares of the hour change while people arrive, under every strategy
    Staffing,
    /// Many hands in few conversations: reading, revising, planning, snoozing, sorting
    Talk,
    /// People arrive, write, are done with, and agents come and go
    Waiting,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let race = Race {
        seed: args.seed.unwrap_or_else(rand::random),
        large: args.large,
    };
    println!("seed {}", race.seed);
    match args.race {
        Name::Capacity => capacity::race(race).await?,
        Name::Crash => crash::race(race).await?,
        Name::Deliveries => deliveries::race(race).await?,
        Name::Forgetting => forgetting::race(race).await?,
        Name::Hands => hands::race(race).await?,
        Name::Newcomers => newcomers::race(race).await?,
        Name::PhoneApp => phone_app::race(race).await?,
        Name::Presence => presence::race(race).await?,
        Name::Staffing => staffing::race(race).await?,
        Name::Talk => talk::race(race).await?,
        Name::Waiting => waiting::race(race).await?,
    }
    println!("everything held");
    Ok(())
}
