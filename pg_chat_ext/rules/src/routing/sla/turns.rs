//! Which clocks a conversation starts and stops.

use jiff::Timestamp;

use super::{Asked, SlaFacts, StepKind};

words! {
    /// What was promised.
    pub enum Target {
        /// The first answer.
        FirstResponse = "first_response",
        /// Every later answer.
        NextResponse = "next_response",
        /// The end of it.
        Resolution = "resolution",
    }
}

impl Turn {
    /// When it ended, in either way.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.ended.map(|end| match end {
            End::Kept(at) | End::Dropped(at) => at,
        })
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As promised, early or late.
    Kept(Timestamp),
    /// The conversation was over before anybody had answered.
    Dropped(Timestamp),
}

/// One time that a clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) target: Target,
    /// What tells it from other turns of the target: the first message's `seq`; 0 of the resolution.
    pub(super) seq: i64,
    pub(super) began: Timestamp,
    /// None: it still runs.
    pub(super) ended: Option<End>,
}

/// Where the steps lead.
pub(super) struct Followed {
    pub(super) answered: bool,
    pub(super) asked: Option<Asked>,
    /// Those that ended, then the one that runs.
    pub(super) turns: Vec<Turn>,
}

pub(super) fn follow(facts: &SlaFacts) -> Followed {
    let (mut answered, mut asked) = (facts.answered, facts.asked);
    let mut turns = Vec::new();
    let turn = |answered: bool, asked: Asked, ended: Option<End>| Turn {
        target: if answered {
            Target::NextResponse
        } else {
            Target::FirstResponse
        },
        seq: asked.seq,
        began: asked.at,
        ended,
    };
    for step in &facts.steps {
        match step.what {
            StepKind::Question => {
                asked = asked.or(Some(Asked {
                    seq: step.seq,
                    at: step.at,
                }));
            }
            StepKind::Answer => {
                let ended = Some(End::Kept(step.at));
                turns.extend(asked.take().map(|asked| turn(answered, asked, ended)));
                answered = true;
            }
            StepKind::End => {
                let ended = Some(End::Dropped(step.at));
                turns.extend(asked.take().map(|asked| turn(answered, asked, ended)));
            }
        }
    }
    // Nobody waits in a conversation that is over, whoever noted its end.
    let ended = facts.ended_at.map(End::Dropped);
    turns.extend(asked.map(|asked| turn(answered, asked, ended)));
    Followed {
        answered,
        asked: asked.filter(|_| ended.is_none()),
        turns,
    }
}

/// The one clock that runs as long as the conversation.
pub(super) fn resolution(facts: &SlaFacts) -> Turn {
    Turn {
        target: Target::Resolution,
        seq: 0,
        began: facts.opened_at,
        ended: facts.ended_at.map(End::Kept),
    }
}
