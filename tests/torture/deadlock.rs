//! What PostgreSQL's log tells of a deadlock.
//!
//! The one who finds it names all who waited, and says what it did itself. What the others did stands further up, where
//! they had waited for a while (`log_lock_waits`): without it nobody sees which rows are taken in which order.

use std::collections::BTreeSet;

/// The first deadlock in the log, below what each of its processes said of its own wait.
pub fn first_in(log: &str) -> Option<String> {
    let lines: Vec<_> = log.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("deadlock detected"))?;
    let found = message(&lines, at);
    let waited = processes(found)
        .into_iter()
        .filter_map(|process| last_wait(&lines[..at], process));
    let told: Vec<_> = waited.chain([found]).flatten().copied().collect();
    Some(told.join("\n"))
}

/// What the process said of a wait it is still in.
fn last_wait<'a>(lines: &'a [&'a str], process: &str) -> Option<&'a [&'a str]> {
    let (waits, waited) = (
        format!(" {process} still waiting for "),
        format!(" {process} acquired "),
    );
    let last = lines
        .iter()
        .rposition(|line| line.contains(&waits) || line.contains(&waited))?;
    lines[last].contains(&waits).then(|| message(lines, last))
}

/// The message that begins in this line, with the lines of its process that go with it; they stand together.
fn message<'a>(lines: &'a [&'a str], at: usize) -> &'a [&'a str] {
    let next = |line: &&str| line.contains(" LOG:  ") || line.contains(" ERROR:  ");
    let length = lines[at + 1..].iter().position(next);
    &lines[at..length.map_or(lines.len(), |n| at + 1 + n)]
}

/// Whom a deadlock's message names.
fn processes<'a>(message: &[&'a str]) -> BTreeSet<&'a str> {
    let waits = message.iter().filter_map(|line| {
        let (before, _) = line.split_once(" waits for ")?;
        before.rsplit(' ').next()
    });
    waits.collect()
}

#[test]
fn each_process_of_a_deadlock_tells_its_own_wait_and_nobody_else_does() {
    let log = "\
[11] LOG:  process 11 still waiting for ShareLock on transaction 7 after 20.1 ms
[11] STATEMENT:  select of_eleven_long_ago()
[11] LOG:  process 11 acquired ShareLock on transaction 7 after 30.1 ms
[11] STATEMENT:  select of_eleven_long_ago()
[13] LOG:  process 13 still waiting for ShareLock on transaction 8 after 20.1 ms
[13] STATEMENT:  select of_thirteen()
[12] LOG:  process 12 still waiting for ShareLock on transaction 9 after 20.1 ms
[12] CONTEXT:  while locking tuple (0,1) in relation \"identities\"
[12] STATEMENT:  select of_twelve()
[11] ERROR:  deadlock detected
[11] DETAIL:  Process 11 waits for ShareLock on transaction 8; blocked by process 12.
\tProcess 12 waits for ShareLock on transaction 9; blocked by process 11.
[11] STATEMENT:  select of_eleven()
[13] LOG:  process 13 acquired ShareLock on transaction 8 after 90.1 ms
";
    let told = "\
[12] LOG:  process 12 still waiting for ShareLock on transaction 9 after 20.1 ms
[12] CONTEXT:  while locking tuple (0,1) in relation \"identities\"
[12] STATEMENT:  select of_twelve()
[11] ERROR:  deadlock detected
[11] DETAIL:  Process 11 waits for ShareLock on transaction 8; blocked by process 12.
\tProcess 12 waits for ShareLock on transaction 9; blocked by process 11.
[11] STATEMENT:  select of_eleven()";
    assert_eq!(first_in(log).as_deref(), Some(told));
    assert_eq!(first_in("[11] LOG:  checkpoint starting: time"), None);
}
