//! Many mutations, one after the other, and the report of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::lab::{Lab, Verdict};
use super::{Kind, Mutation, catalog, checks, conditions, redundant};
use crate::world::World;

/// How many are tried at a time.
const BENCHES: usize = 2;

/// How much is tried, and in what order.
pub struct Campaign {
    /// Whence the order. None: from what there is to mutate, so that one tree always gives one order.
    pub seed: Option<u64>,
    /// Only the first so many of them.
    pub first: Option<usize>,
    /// Only mutations whose name has one of these in it, or of a kind that is called so; empty: all.
    pub only: Vec<String>,
    /// Whether they are only listed.
    pub is_list: bool,
    /// Whether each one is told as it is done.
    pub is_told: bool,
}

/// What came of all of them.
#[derive(Default)]
pub struct Report {
    /// How many there are by kind, whether they were tried or not.
    pub of: BTreeMap<Kind, usize>,
    /// How many were caught, by kind and test.
    pub caught: BTreeMap<Kind, BTreeMap<&'static str, usize>>,
    /// Those that no test noticed, with what they took away and what broke.
    pub survivors: Vec<(Mutation, Option<String>)>,
}

impl Campaign {
    /// Tries them.
    pub async fn run(&self) -> Result<Report> {
        let template = World::new().await?;
        let mut mutations = catalog::mutations(&template.db).await?;
        mutations.extend(conditions::mutations(&template.db).await?);
        mutations.extend(checks::mutations(&template.db).await?);
        redundant::together(&mut mutations)?;
        let is_meant = |mutation: &Mutation, only: &String| {
            mutation.name.contains(only) || mutation.kind.words() == only
        };
        mutations.retain(|mutation| {
            self.only.is_empty() || self.only.iter().any(|only| is_meant(mutation, only))
        });
        mutations.sort_by(|one, other| one.name.cmp(&other.name));
        let seed = self.seed.unwrap_or_else(|| seed_of(&mutations));
        mutations.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut report = Report::default();
        for mutation in &mutations {
            *report.of.entry(mutation.kind).or_default() += 1;
        }

        if self.is_list {
            for mutation in &mutations {
                println!("{:<18} {}", mutation.kind.words(), mutation.name);
            }
            return Ok(report);
        }

        mutations.truncate(self.first.unwrap_or(mutations.len()));
        let lab = Lab::new(template).await?;
        let mut benches = Vec::new();
        for _ in 0..BENCHES {
            benches.push(lab.bench().await?);
        }
        // All are copies of one world.
        if let Some(bench) = benches.first_mut() {
            lab.check(bench).await?;
        }
        let began = Instant::now();
        let (next, done) = (Cell::new(0), Cell::new(0));
        let report = RefCell::new(report);
        try_join_all(benches.iter_mut().map(|bench| async {
            while let Some(mutation) = mutations.get(next.replace(next.get() + 1)) {
                let verdict = lab.examine(bench, mutation).await?;
                done.set(done.get() + 1);
                if self.is_told {
                    tell(done.get(), mutations.len(), began, mutation, &verdict);
                }
                report.borrow_mut().add(mutation, verdict);
            }
            anyhow::Ok(())
        }))
        .await?;
        let mut report = report.into_inner();
        report
            .survivors
            .sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(report)
    }
}

fn seed_of(mutations: &[Mutation]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for mutation in mutations {
        mutation.name.hash(&mut hasher);
    }
    hasher.finish()
}

fn tell(done: usize, of: usize, began: Instant, mutation: &Mutation, verdict: &Verdict) {
    let said = match verdict {
        Verdict::Caught { by, saw } => format!("{by}: {saw}"),
        Verdict::Survived { .. } => "SURVIVED".to_owned(),
    };
    println!(
        "{done}/{of} {:.0} s  {}: {said}",
        began.elapsed().as_secs_f32(),
        mutation.name
    );
}

impl Report {
    fn add(&mut self, mutation: &Mutation, verdict: Verdict) {
        match verdict {
            Verdict::Caught { by, .. } => {
                let by_test = self.caught.entry(mutation.kind).or_default();
                *by_test.entry(by).or_default() += 1;
            }
            Verdict::Survived { broke } => self.survivors.push((mutation.clone(), broke)),
        }
    }

    /// A line a kind, and the survivors with what was dropped.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for (kind, of) in &self.of {
            let caught = self.caught.get(kind);
            let by: Vec<_> = caught
                .into_iter()
                .flatten()
                .map(|(test, number)| format!("{number} {test}"))
                .collect();
            let survivors = self.survivors.iter();
            let survived = survivors
                .filter(|(mutation, _)| mutation.kind == *kind)
                .count();
            lines.push(format!(
                "{:<18} {of:>4}, noticed: {}; survivors {survived}",
                kind.words(),
                if by.is_empty() {
                    "0".to_owned()
                } else {
                    by.join(", ")
                },
            ));
        }
        for (mutation, broke) in &self.survivors {
            lines.push(format!(
                "SURVIVOR {}\n    {}",
                mutation.name, mutation.definition
            ));
            lines.extend(broke.iter().map(|broke| format!("    broke: {broke}")));
        }
        lines.push(format!("survivors {}", self.survivors.len()));
        lines.join("\n")
    }
}
