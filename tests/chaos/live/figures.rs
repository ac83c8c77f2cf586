//! What a run met, for people to read.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::script::Act;

/// What was counted.
#[derive(Default)]
pub struct Figures {
    /// Written by both sides, notes too.
    pub messages: usize,
    /// What else was done, and what went wrong, by name.
    pub done: BTreeMap<&'static str, usize>,
    /// How long it took until every page was right, each time that all was well.
    pub musters: Vec<Duration>,
    /// Pages that were compared, and messages on them.
    pub pages: usize,
    pub lines: usize,
    /// Broadcasts that had no partition to be written into.
    pub unwritten: i64,
    /// Frames and answers that visitors received, and their bytes.
    pub received: usize,
    pub bytes: usize,
    pub seconds: u64,
}

impl Figures {
    /// Counts an act.
    pub fn count(&mut self, act: &Act) {
        let what = match act {
            Act::Ask { .. } | Act::Answer { .. } => {
                self.messages += 1;
                return;
            }
            Act::Muster => return,
            Act::Read { .. } => "read",
            Act::Type { .. } => "typed",
            Act::Edit { .. } => "edited",
            Act::Delete { .. } => "taken back",
            Act::Prioritize { .. } => "prioritized",
            Act::Reload { .. } => "pages loaded anew",
            Act::Sleep { .. } => "laptops asleep",
            Act::DropSockets { .. } => "times every socket dropped",
            Act::CloseChannels { .. } => "channels closed",
            Act::CrashChannels { .. } => "channels crashed",
            Act::ExpireTokens { .. } => "tokens expired",
            Act::StopReplication => "streams lost",
            Act::Weather(_) => "weathers",
        };
        *self.done.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = self.done.iter().map(|(what, n)| format!("{n} {what}"));
        let done: Vec<_> = done.collect();
        writeln!(
            f,
            "{} messages; {}; {} broadcasts could not be written",
            self.messages,
            done.join(", "),
            self.unwritten
        )?;
        writeln!(
            f,
            "{} pages compared with the database, {} messages on them, each once, in order, in its last state",
            self.pages, self.lines
        )?;
        let longest = self.musters.iter().max().copied().unwrap_or_default();
        write!(
            f,
            "right again after {:.1} s at the latest; visitors received {} frames and answers, {} KiB, and nothing that is not theirs; {} s",
            longest.as_secs_f64(),
            self.received,
            self.bytes / 1024,
            self.seconds
        )
    }
}
