//! What goes wrong, and when. All of it follows from the seed and is written down before anything begins.

use local_stack::graph::{
    Delivery, Fault, Instant, Limits, Misbehaviour, Order, PairLimit, Redelivery,
};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// One in so many sends meets a fault.
const SENDS_A_FAULT: usize = 10;

/// How often the way in which webhooks leave changes.
const WEATHERS: usize = 20;

/// Everything that goes wrong in one run.
pub struct Script {
    /// What sends meet.
    pub faults: Vec<Fault>,
    /// How webhooks leave and how fast Meta lets us send, in order.
    pub weathers: Vec<Weather>,
    /// Who is killed, in order.
    pub kills: Vec<Kill>,
}

/// How Meta is for a while.
pub struct Weather {
    /// Begins when so much of the traffic has gone.
    pub from: usize,
    pub delivery: Delivery,
    pub limits: Limits,
}

/// A death.
pub struct Kill {
    /// When so much of the traffic has gone.
    pub at: usize,
    pub victim: Victim,
}

/// Who dies.
#[derive(Clone, Copy)]
pub enum Victim {
    /// One of the two workers.
    Worker(usize),
    /// The database server, with all its processes.
    Postgres,
}

impl Script {
    /// For so many messages out, of so many in all.
    pub fn write(chance: &mut StdRng, out: usize, all: usize) -> Self {
        let many = out / SENDS_A_FAULT;
        // Even a short run has some of each kind.
        let faults = (0..many).map(|n| fault(chance, out, n * 100 / many));
        let faults = faults.collect();
        let weathers = (0..WEATHERS).map(|n| weather(chance, n, all * n / WEATHERS));
        let weathers = weathers.collect();
        let mut kills: Vec<_> = (0..3 + all / 500)
            .map(|n| kill(chance, all, Victim::Worker(n % 2)))
            .collect();
        kills.extend((0..1 + all / 2_000).map(|_| kill(chance, all, Victim::Postgres)));
        kills.sort_by_key(|kill| kill.at);
        Self {
            faults,
            weathers,
            kills,
        }
    }
}

/// Where it lies in the run is left to chance; a few hit several sends in a row.
fn fault(chance: &mut StdRng, out: usize, of_hundred: usize) -> Fault {
    let times = if chance.random_bool(0.1) { 3 } else { 1 };
    Fault {
        after: u32::try_from(chance.random_range(0..out * 9 / 10)).unwrap_or(u32::MAX),
        ..Fault::next(misbehaviour(chance, of_hundred)).times(times)
    }
}

fn misbehaviour(chance: &mut StdRng, of_hundred: usize) -> Misbehaviour {
    let of = |chance: &mut StdRng, codes: &[u32]| codes.choose(chance).copied().unwrap_or(131_000);
    match of_hundred {
        0..14 => Misbehaviour::NeverAnswer,
        14..28 => Misbehaviour::CutAfter,
        28..34 => Misbehaviour::CutBefore,
        34..40 => Misbehaviour::Untold,
        40..56 => Misbehaviour::BrokenAnswer {
            http: *[500, 502, 503].choose(chance).unwrap_or(&500),
            sent: chance.random_bool(0.7),
        },
        56..70 => Misbehaviour::Slow {
            millis: chance.random_range(50..1_000),
        },
        // Passing: it is tried again.
        70..84 => Misbehaviour::Refuse {
            code: of(chance, &[131_000, 131_016, 131_016, 131_056]),
            http: None,
        },
        // For good.
        84..90 => Misbehaviour::Refuse {
            code: of(chance, &[131_026, 131_049, 130_472]),
            http: None,
        },
        90..96 => Misbehaviour::FailLater {
            code: of(chance, &[131_026, 131_049, 131_053]),
        },
        _ => Misbehaviour::Kill {
            at: if chance.random_bool(0.5) {
                Instant::BeforeSending
            } else {
                Instant::BeforeAnswering
            },
        },
    }
}

fn weather(chance: &mut StdRng, n: usize, from: usize) -> Weather {
    let orders = [Order::InOrder, Order::Reversed, Order::Shuffled];
    let one_of = |chance: &mut StdRng, some: [usize; 4]| some[chance.random_range(0..4)];
    let delivery = Delivery {
        order: orders.choose(chance).cloned().unwrap_or(Order::Shuffled),
        copies: u32::try_from(one_of(chance, [0, 0, 1, 2])).unwrap_or(0),
        hold: chance.random_bool(0.15),
        overtake_ms: [0, 50, 200, 1_000][chance.random_range(0..4)],
        before_answer: chance.random_bool(0.15),
        batch: one_of(chance, [1, 1, 3, 50]),
        concurrency: one_of(chance, [1, 4, 8, 16]),
        redelivery: Redelivery {
            first_ms: 50,
            longest_ms: 1_000,
        },
    };
    // Refusals of a number or a pair are felt for minutes, so there is one spell of each.
    let limits = Limits {
        per_second: (n == WEATHERS / 3).then_some(20),
        pair: (n == 2 * WEATHERS / 3).then_some(PairLimit {
            every_ms: 200,
            burst: 2,
        }),
    };
    Weather {
        from,
        delivery,
        limits,
    }
}

fn kill(chance: &mut StdRng, all: usize, victim: Victim) -> Kill {
    Kill {
        at: chance.random_range(all / 20..all),
        victim,
    }
}
