//! The replay itself: everything that happens, in order, and a drain after each of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use jiff::Timestamp;

use super::figures::{AgentFigures, Outcome, Spread, rounded, seconds};
use super::recording::{Arrival, Queue, Recording, Worker};
use crate::routing::{Candidate, Facts, choose_agent};

const HOUR: i64 = 3_600_000;

/// What happens; of one moment, in this order: whoever leaves makes room before anybody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// An agent's chat is over.
    Over { agent: usize, arrival: usize },
    /// An agent goes.
    Gone(usize),
    /// An agent comes online.
    Online(usize),
    /// A chat comes.
    Comes(usize),
    /// Time itself changes who may have one that waits.
    Ripens,
    /// A visitor has waited as long as they would.
    GivesUp(usize),
    /// A chat has waited as long as it may.
    Missed(usize),
}

/// An agent as they stand.
struct Desk<'a> {
    worker: &'a Worker,
    is_online: bool,
    load: i64,
    by_queue: BTreeMap<Option<&'a str>, i64>,
    got: usize,
    within_the_hour: VecDeque<i64>,
    last_assigned: Option<i64>,
    looked_at: i64,
    online: i64,
    carried: i64,
    peak: i64,
}

/// What decides whether anybody can have a chat that waits.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Needs<'a> {
    department: Option<&'a str>,
    falls_back: bool,
    skills: &'a [String],
    does_without: bool,
}

/// A chat's place among all that wait: the most urgent, the longest waiting, then by its number.
type Place = (u8, i64, usize);

pub(super) struct Stage<'a> {
    recording: &'a Recording,
    queues: BTreeMap<Option<&'a str>, &'a Queue>,
    desks: Vec<Desk<'a>>,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    waiting: BTreeSet<Place>,
    waits: Vec<i64>,
    outcome: Outcome,
    late: usize,
}

impl<'a> Stage<'a> {
    pub(super) fn of(recording: &'a Recording) -> Self {
        let queues = recording
            .queues
            .iter()
            .map(|queue| (queue.department_id.as_deref(), queue))
            .collect();
        let mut stage = Self {
            recording,
            queues,
            desks: recording.agents.iter().map(Desk::of).collect(),
            events: BinaryHeap::new(),
            waiting: BTreeSet::new(),
            waits: Vec::new(),
            outcome: Outcome::default(),
            late: 0,
        };
        for (number, agent) in recording.agents.iter().enumerate() {
            for span in agent.online.iter().filter(|span| span.from < span.until) {
                stage.will(span.from, Event::Online(number));
                stage.will(span.until, Event::Gone(number));
            }
        }
        for (number, arrival) in recording.arrivals.iter().enumerate() {
            stage.will(arrival.at, Event::Comes(number));
        }
        stage
    }

    fn will(&mut self, at: i64, event: Event) {
        if at < self.recording.ends {
            self.events.push(Reverse((at, event)));
        }
    }

    pub(super) fn play(mut self) -> Outcome {
        while let Some(Reverse((now, event))) = self.events.pop() {
            self.happens(now, event);
            // What happens at one moment happens before anybody is chosen.
            let more = self
                .events
                .peek()
                .is_some_and(|Reverse((at, _))| *at == now);
            if !more {
                self.drain(now);
            }
        }
        self.close()
    }

    fn happens(&mut self, now: i64, event: Event) {
        match event {
            Event::Over { agent, arrival } => {
                let queue = self.recording.arrivals[arrival].department_id.as_deref();
                self.desks[agent].carry(now, -1, queue);
            }
            Event::Gone(agent) => {
                self.desks[agent].look(now);
                self.desks[agent].is_online = false;
            }
            Event::Online(agent) => {
                self.desks[agent].look(now);
                self.desks[agent].is_online = true;
            }
            Event::Comes(number) => self.comes(now, number),
            Event::Ripens => {}
            Event::GivesUp(number) => {
                if self.leaves(number) {
                    self.outcome.gave_up += 1;
                }
            }
            Event::Missed(number) => {
                if self.leaves(number) {
                    self.outcome.missed += 1;
                }
            }
        }
    }

    fn comes(&mut self, now: i64, number: usize) {
        let arrival = &self.recording.arrivals[number];
        if let Some(holder) = &arrival.held_by {
            let held = self
                .desks
                .iter()
                .position(|desk| desk.worker.agent_id == *holder);
            // Of somebody who is not there under these changes it waits like any other.
            if let Some(agent) = held {
                self.take(now, agent, number);
                return;
            }
        }
        self.outcome.arrivals += 1;
        self.waiting.insert(place(arrival, number));
        if let Some(patience) = arrival.patience {
            self.will(now + patience, Event::GivesUp(number));
        }
        if let Some(missed) = self.recording.missed_after {
            self.will(now + missed, Event::Missed(number));
        }
        if let Some(queue) = self.queue_of(arrival) {
            let waits = [queue.fallback_seconds, queue.skills_wait_seconds];
            for seconds in waits.into_iter().flatten() {
                self.will(now + seconds.saturating_mul(1000), Event::Ripens);
            }
        }
    }

    /// Whether it waited until now.
    fn leaves(&mut self, number: usize) -> bool {
        let arrival = &self.recording.arrivals[number];
        let waited = self.waiting.remove(&place(arrival, number));
        if waited && self.recording.answer_due.is_some() {
            self.late += 1;
        }
        waited
    }

    fn queue_of(&self, arrival: &Arrival) -> Option<&'a Queue> {
        self.queues.get(&arrival.department_id.as_deref()).copied()
    }

    /// Gives away what can be given, as the database does.
    fn drain(&mut self, now: i64) {
        // Whom nobody could take, nobody can take another of the same needs.
        let mut nobody_for: BTreeSet<Needs<'_>> = BTreeSet::new();
        let mut after: Option<Place> = None;
        while self.desks.iter().any(Desk::has_room) {
            let next = match after {
                None => self.waiting.first(),
                Some(place) => self
                    .waiting
                    .range((std::ops::Bound::Excluded(place), std::ops::Bound::Unbounded))
                    .next(),
            };
            let Some(&place) = next else { break };
            after = Some(place);
            let arrival = &self.recording.arrivals[place.2];
            let default = Queue {
                auto_assign: true,
                ..Queue::default()
            };
            let queue = self.queue_of(arrival).unwrap_or(&default);
            let waited_seconds = (now - arrival.at).div_euclid(1000);
            let ripe = |wait: Option<i64>| wait.is_some_and(|wait| waited_seconds >= wait);
            let by_skills = queue.strategy.as_deref() == Some("skills");
            let needs = Needs {
                department: arrival.department_id.as_deref(),
                falls_back: ripe(queue.fallback_seconds),
                skills: if by_skills { &arrival.skills } else { &[] },
                does_without: by_skills && ripe(queue.skills_wait_seconds),
            };
            if !queue.auto_assign || nobody_for.contains(&needs) {
                continue;
            }
            let facts = self.facts(now, arrival, queue, waited_seconds);
            let chosen = choose_agent(&facts).agent_id;
            let chosen = chosen.and_then(|id| {
                let is = |desk: &Desk| desk.worker.agent_id == id;
                self.desks.iter().position(is)
            });
            let Some(agent) = chosen else {
                nobody_for.insert(needs);
                continue;
            };
            self.waiting.remove(&place);
            self.give(now, agent, place.2);
        }
    }

    fn give(&mut self, now: i64, agent: usize, number: usize) {
        let arrival = &self.recording.arrivals[number];
        let waited = now - arrival.at;
        self.waits.push(waited);
        self.outcome.assigned += 1;
        let desk = &mut self.desks[agent];
        desk.got += 1;
        desk.within_the_hour.push_back(now);
        desk.last_assigned = Some(now);
        let due = self.recording.answer_due;
        if due.is_some_and(|due| waited + arrival.answer > due) {
            self.late += 1;
        }
        self.take(now, agent, number);
    }

    fn take(&mut self, now: i64, agent: usize, number: usize) {
        let arrival = &self.recording.arrivals[number];
        self.desks[agent].carry(now, 1, arrival.department_id.as_deref());
        let over = Event::Over {
            agent,
            arrival: number,
        };
        self.will(now + arrival.talk.max(0), over);
    }

    fn facts(&mut self, now: i64, arrival: &Arrival, queue: &Queue, waited_seconds: i64) -> Facts {
        let department = arrival.department_id.as_deref();
        let candidates = self
            .desks
            .iter_mut()
            .map(|desk| desk.candidate(now, department, queue.max))
            .collect();
        Facts {
            department_id: arrival.department_id.clone(),
            strategy: queue.strategy.clone(),
            hourly_limit: queue.hourly_limit,
            waited_seconds,
            fallback_seconds: queue.fallback_seconds,
            fallback_department_id: queue.fallback_department_id.clone(),
            known_agent_id: arrival.known_agent_id.clone(),
            skills: arrival.skills.clone(),
            skills_wait_seconds: queue.skills_wait_seconds,
            candidates,
            ..Facts::default()
        }
    }

    fn close(mut self) -> Outcome {
        let ends = self.recording.ends;
        let due = self.recording.answer_due;
        self.outcome.waiting = self.waiting.len();
        // What waits at the end is late once it is due.
        let overdue = self
            .waiting
            .iter()
            .filter(|(_, since, _)| due.is_some_and(|due| since + due < ends));
        self.late += overdue.count();
        self.outcome.answered_late = due.map(|_| self.late);
        self.outcome.wait_seconds = Spread::of(std::mem::take(&mut self.waits));
        self.outcome.agents = self
            .desks
            .into_iter()
            .map(|mut desk| {
                desk.look(ends);
                desk.figures()
            })
            .collect();
        self.outcome
    }
}

fn place(arrival: &Arrival, number: usize) -> Place {
    let urgency = match arrival.priority.as_deref() {
        Some("urgent") => 1,
        Some("high") => 2,
        Some("low") => 4,
        _ => 3,
    };
    (urgency, arrival.at, number)
}

impl<'a> Desk<'a> {
    fn of(worker: &'a Worker) -> Self {
        Self {
            worker,
            is_online: false,
            load: 0,
            by_queue: BTreeMap::new(),
            got: 0,
            within_the_hour: VecDeque::new(),
            last_assigned: None,
            looked_at: 0,
            online: 0,
            carried: 0,
            peak: 0,
        }
    }

    fn has_room(&self) -> bool {
        self.is_online && self.load < self.worker.max
    }

    /// Adds up the time since the last look.
    fn look(&mut self, now: i64) {
        if self.is_online {
            let passed = now - self.looked_at;
            self.online += passed;
            self.carried += passed * self.load;
        }
        self.looked_at = now;
    }

    fn carry(&mut self, now: i64, chats: i64, queue: Option<&'a str>) {
        self.look(now);
        self.load += chats;
        self.peak = self.peak.max(self.load);
        *self.by_queue.entry(queue).or_default() += chats;
    }

    fn candidate(&mut self, now: i64, queue: Option<&str>, max: Option<i64>) -> Candidate {
        while self
            .within_the_hour
            .front()
            .is_some_and(|got| *got <= now - HOUR)
        {
            self.within_the_hour.pop_front();
        }
        Candidate {
            agent_id: self.worker.agent_id.clone(),
            status: Some(if self.is_online { "online" } else { "offline" }.to_owned()),
            is_active: true,
            department_id: self.worker.department_id.clone(),
            load: self.load,
            max: self.worker.max,
            department_load: self.by_queue.get(&queue).copied().unwrap_or_default(),
            department_max: max,
            skills: self.worker.skills.clone(),
            got_this_hour: i64::try_from(self.within_the_hour.len()).unwrap_or(i64::MAX),
            last_assigned_at: self
                .last_assigned
                .and_then(|at| Timestamp::from_millisecond(at).ok()),
        }
    }

    fn figures(&self) -> AgentFigures {
        let mean = seconds(self.carried) / seconds(self.online);
        AgentFigures {
            agent_id: self.worker.agent_id.clone(),
            got: self.got,
            online_seconds: seconds(self.online),
            mean_load: (self.online > 0).then(|| rounded(mean)),
            peak_load: self.peak,
        }
    }
}
