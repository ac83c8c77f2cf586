//! The play: the main job from end to end on a running stack, each step checked
//! and timed. WhatsApp messages come in, an agent is chosen, the agent answers,
//! the phone gets it, the ticks come back.
//!
//! It may be played any number of times on a kept database: contacts and message
//! ids are new each time, and what it opened it closes.

mod agent;
mod arrivals;
mod bodies;
mod desks;
mod phones;
mod reply;
mod script;

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::stack::Settings;
use script::Script;

/// How long an expected thing may take. It takes milliseconds; this is for
/// machines that do much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays everything with the vectors of the clone at `root`; the first step that
/// fails ends it.
pub async fn play(settings: &Settings, root: &Path) -> Result<()> {
    let started = Instant::now();
    let script = step_giving("two agents sign in", Script::prepare(settings, root)).await?;
    let played = script.play().await;
    // The simulator goes back to its ways even when a step failed.
    let reset = script.reset().await;
    played.and(reset)?;
    println!(
        "{:7.2} s  done: a message in, an agent chosen, a reply out and read",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Runs one step and says what was seen.
async fn step(what: &str, doing: impl Future<Output = Result<String>>) -> Result<()> {
    step_giving(what, async { Ok(((), doing.await?)) }).await
}

/// The same for a step that later ones need something of.
async fn step_giving<T>(what: &str, doing: impl Future<Output = Result<(T, String)>>) -> Result<T> {
    let started = Instant::now();
    let outcome = doing.await;
    let seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok((value, saw)) => {
            println!("{seconds:7.2} s  {what}: {saw}");
            Ok(value)
        }
        Err(error) => {
            println!("{seconds:7.2} s  {what}: FAILED");
            Err(error)
        }
    }
}

/// Fails the step unless `holds`.
fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::Play(otherwise()))
    }
}

/// Asks again until there is an answer.
async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let limit = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        check(tokio::time::Instant::now() < limit, || {
            format!("waited {} s in vain for {what}", PATIENCE.as_secs())
        })?;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
