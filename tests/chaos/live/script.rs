//! What is done and what goes wrong, in order. All of it follows from the seed and is written down before anything begins.

use local_stack::realtime::{Faults, Settings};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::cast::Cast;

/// How often the way in which everything works changes.
const WEATHERS: usize = 10;
/// How often all is well.
const MUSTERS: usize = 5;

/// Everything that happens in one run.
pub struct Script {
    pub acts: Vec<Act>,
}

/// One thing that somebody does, or that goes wrong. Pages and conversations by number.
#[derive(Clone, Debug)]
pub enum Act {
    /// A visitor writes from a page, into their conversation.
    Ask {
        page: usize,
    },
    /// An agent answers or notes.
    Answer {
        agent: usize,
        conversation: usize,
        note: bool,
    },
    /// What is shown on a page was read.
    Read {
        page: usize,
    },
    /// A key on a visitor's page.
    Type {
        page: usize,
    },
    /// An agent changes what they wrote: the so-manieth of what is there.
    Edit {
        agent: usize,
        nth: u32,
    },
    /// An agent takes it back.
    Delete {
        agent: usize,
        nth: u32,
    },
    /// An agent changes a field of a conversation.
    Prioritize {
        agent: usize,
        conversation: usize,
        priority: &'static str,
    },
    /// A page is loaded anew.
    Reload {
        page: usize,
    },
    /// A process sleeps for so many milliseconds.
    Sleep {
        process: usize,
        millis: u64,
    },
    DropSockets {
        code: Option<u16>,
    },
    CloseChannels {
        topic: Topic,
    },
    CrashChannels {
        topic: Topic,
    },
    ExpireTokens {
        topic: Topic,
    },
    StopReplication,
    /// How everything works from now on.
    Weather(Weather),
    /// All is well, and every page must be right.
    Muster,
}

impl Act {
    /// Whether broadcasts cannot be written from then on.
    pub fn takes_partitions(&self) -> bool {
        matches!(self, Self::Weather(weather) if weather.faults.missing_partition)
    }
}

/// Which channels something happens to.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    Every,
    Site,
    Conversation(usize),
    Visitor(usize),
}

/// How everything works for a while.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    pub faults: Faults,
    pub settings: Settings,
    /// Of a hundred requests so many do not arrive.
    pub down: u8,
    /// And of so many the answer is lost.
    pub lost: u8,
    /// And of so many it comes late, after those of later requests.
    pub late: u8,
}

impl Script {
    /// For so many messages.
    pub fn write(chance: &mut StdRng, cast: &Cast, messages: usize) -> Self {
        let faults = (messages / 10).max(20);
        let mut acts = Vec::new();
        for n in 0..messages {
            if n * WEATHERS % messages < WEATHERS {
                acts.push(Act::Weather(weather(chance)));
            }
            if n * faults % messages < faults {
                acts.push(fault(chance, cast));
            }
            acts.push(message(chance, cast));
            if chance.random_bool(0.7) {
                acts.push(besides(chance, cast));
            }
            if (n + 1) * MUSTERS % messages < MUSTERS {
                acts.push(Act::Muster);
            }
        }
        Self { acts }
    }
}

fn message(chance: &mut StdRng, cast: &Cast) -> Act {
    if chance.random_bool(0.45) {
        return Act::Ask {
            page: chance.random_range(0..cast.pages.len()),
        };
    }
    let (agent, conversation) = at_a_desk(chance, cast);
    Act::Answer {
        agent,
        conversation,
        note: chance.random_bool(0.2),
    }
}

fn besides(chance: &mut StdRng, cast: &Cast) -> Act {
    let (agent, conversation) = at_a_desk(chance, cast);
    match chance.random_range(0..100) {
        0..45 => Act::Read {
            page: chance.random_range(0..cast.clients()),
        },
        45..55 => Act::Type {
            page: chance.random_range(0..cast.pages.len()),
        },
        55..80 => Act::Edit {
            agent,
            nth: chance.random(),
        },
        80..88 => Act::Delete {
            agent,
            nth: chance.random(),
        },
        _ => Act::Prioritize {
            agent,
            conversation,
            priority: ["low", "normal", "high", "urgent"]
                .choose(chance)
                .copied()
                .unwrap_or("high"),
        },
    }
}

/// An agent, and a conversation that they have open.
fn at_a_desk(chance: &mut StdRng, cast: &Cast) -> (usize, usize) {
    let agent = chance.random_range(0..cast.desks.len());
    let desk = &cast.desks[agent];
    (agent, desk[chance.random_range(0..desk.len())])
}

fn fault(chance: &mut StdRng, cast: &Cast) -> Act {
    let topic = topic(chance, cast);
    match chance.random_range(0..100) {
        0..20 => Act::DropSockets {
            code: *[None, Some(1000), Some(1001)]
                .choose(chance)
                .unwrap_or(&None),
        },
        20..40 => Act::CloseChannels { topic },
        40..50 => Act::CrashChannels { topic },
        50..65 => Act::ExpireTokens { topic },
        65..75 => Act::StopReplication,
        75..90 => Act::Sleep {
            process: chance.random_range(0..cast.processes),
            millis: chance.random_range(200..3_000),
        },
        _ => Act::Reload {
            page: chance.random_range(0..cast.clients()),
        },
    }
}

fn topic(chance: &mut StdRng, cast: &Cast) -> Topic {
    let one = chance.random_range(0..cast.people);
    match chance.random_range(0..4) {
        0 => Topic::Every,
        1 => Topic::Site,
        2 => Topic::Conversation(one),
        _ => Topic::Visitor(one),
    }
}

fn weather(chance: &mut StdRng) -> Weather {
    let one_of = |chance: &mut StdRng, some: [u8; 4]| some[chance.random_range(0..4)];
    let faults = Faults {
        lost_broadcasts: f64::from(one_of(chance, [0, 1, 3, 10])) / 10.0,
        late_replication_ms: u64::from(one_of(chance, [0, 0, 3, 20])) * 100,
        missing_partition: chance.random_bool(0.1),
    };
    // What is too much closes the channels that would have heard it.
    let settings = match chance.random_range(0..10) {
        0 => Settings {
            max_events_per_second: 1,
            ..fine()
        },
        1 => Settings {
            max_joins_per_second: 0,
            ..fine()
        },
        _ => fine(),
    };
    Weather {
        faults,
        settings,
        down: one_of(chance, [0, 0, 5, 30]),
        lost: one_of(chance, [0, 0, 5, 20]),
        late: one_of(chance, [0, 5, 20, 50]),
    }
}

/// Room for everybody, and refusals without the real server's waits.
pub fn fine() -> Settings {
    Settings {
        max_events_per_second: 1_000_000,
        max_joins_per_second: 10_000,
        max_concurrent_users: 1_000,
        connect_error_delay_ms: 100,
        join_error_delay_ms: 200,
        replication_retry_ms: 200,
        ..Settings::default()
    }
}
