//! What was measured: samples, their minimum and median, and the goals they are held to.

use anyhow::Result;
use serde::Serialize;

/// What a measure should come to: its ratio where it has one, else its value.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

impl Goal {
    fn met(self, found: f64) -> bool {
        match self {
            Self::AtMost(limit) => found <= limit,
            Self::AtLeast(limit) => found >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {limit}"),
            Self::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

/// One quantity of one case, sampled once a round.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The suite it belongs to.
    pub suite: &'static str,
    /// What was done, and how.
    pub case: String,
    /// What was measured of it.
    pub metric: &'static str,
    /// Unit of the samples.
    pub unit: &'static str,
    /// One a round, in the order of rounds.
    pub samples: Vec<f64>,
    /// Name and samples of what it is compared with, of the same rounds.
    pub against: Option<(String, Vec<f64>)>,
    /// What the median should come to.
    pub goal: Option<Goal>,
}

impl Measure {
    /// Ours by the other's, round by round.
    fn ratios(&self) -> Option<Vec<f64>> {
        let (_, others) = self.against.as_ref()?;
        Some(
            self.samples
                .iter()
                .zip(others)
                .map(|(ours, other)| ours / other)
                .collect(),
        )
    }

    /// Whether the goal is met, by the median.
    fn met(&self) -> Option<bool> {
        let decisive = self.ratios().unwrap_or_else(|| self.samples.clone());
        Some(self.goal?.met(median(&decisive)))
    }

    fn line(&self) -> [String; 9] {
        let ratios = self.ratios();
        let ratio = |of: fn(&[f64]) -> f64| ratios.as_deref().map(|all| format!("{:.2}", of(all)));
        [
            self.case.clone(),
            self.metric.to_owned(),
            rounded(minimum(&self.samples)),
            rounded(median(&self.samples)),
            self.unit.to_owned(),
            ratio(minimum).unwrap_or_default(),
            ratio(median).unwrap_or_default(),
            self.against
                .as_ref()
                .map(|(name, _)| format!("x {name}"))
                .unwrap_or_default(),
            match (self.goal, self.met()) {
                (Some(goal), Some(met)) => {
                    format!("{} {}", goal.text(), if met { "met" } else { "NOT MET" })
                }
                _ => String::new(),
            },
        ]
    }

    fn rows(&self) -> [Row<'_>; 2] {
        let ratios = self.ratios();
        let row = |which, of: fn(&[f64]) -> f64| Row {
            suite: self.suite,
            case: &self.case,
            metric: format!("{}, {which}", self.metric),
            value: of(&self.samples),
            unit: self.unit,
            ratio_to: self.against.as_ref().map(|(name, _)| name.as_str()),
            ratio: ratios.as_deref().map(of),
            goal: None,
            met: None,
        };
        let decisive = Row {
            goal: self.goal.map(Goal::text),
            met: self.met(),
            ..row("median", median)
        };
        [row("minimum", minimum), decisive]
    }
}

/// Every measure of a run.
#[derive(Debug, Default)]
pub struct Figures(Vec<Measure>);

impl Figures {
    /// Adds measures that were printed.
    pub fn add(&mut self, measures: Vec<Measure>) {
        self.0.extend(measures);
    }

    /// An array of rows: a minimum and a median of each measure.
    pub fn to_json(&self) -> Result<String> {
        let rows: Vec<_> = self.0.iter().flat_map(Measure::rows).collect();
        Ok(serde_json::to_string_pretty(&rows)? + "\n")
    }
}

#[derive(Serialize)]
struct Row<'a> {
    suite: &'static str,
    case: &'a str,
    metric: String,
    value: f64,
    unit: &'static str,
    ratio_to: Option<&'a str>,
    ratio: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
}

/// Prints measures as a table under a heading.
pub fn print(heading: &str, measures: &[Measure]) {
    let head = [
        "case", "measure", "min", "median", "", "min", "median", "", "goal",
    ]
    .map(str::to_owned);
    println!("\n{heading}");
    print_aligned(
        &std::iter::once(head)
            .chain(measures.iter().map(Measure::line))
            .collect::<Vec<_>>(),
    );
}

/// Prints lines with their columns aligned: figures to the right, words to the left.
pub fn print_aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) {
    let widths: Vec<_> = (0..COLUMNS)
        .map(|n| {
            lines
                .iter()
                .map(|line| line[n].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let figures: Vec<_> = (0..COLUMNS)
        .map(|n| {
            lines
                .iter()
                .skip(1)
                .all(|line| line[n].is_empty() || line[n].parse::<f64>().is_ok())
        })
        .collect();
    for line in lines {
        let cells: Vec<_> = (0..COLUMNS)
            .map(|n| {
                let (cell, width) = (&line[n], widths[n]);
                if figures[n] {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        println!("  {}", cells.join("  ").trim_end());
    }
}

/// The least of some samples; 0 of none.
pub fn minimum(samples: &[f64]) -> f64 {
    samples.iter().copied().reduce(f64::min).unwrap_or_default()
}

/// The middle one of some samples, or between the two middle ones; 0 of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// What so many of a hundred samples do not exceed; 0 of none.
pub fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

/// A value with as many digits as a reader can use.
fn rounded(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(samples: &[f64], against: &[f64], goal: Goal) -> Measure {
        Measure {
            suite: "path",
            case: "ours".to_owned(),
            metric: "CPU",
            unit: "µs",
            samples: samples.to_vec(),
            against: Some(("floor".to_owned(), against.to_vec())),
            goal: Some(goal),
        }
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(median(&[9.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 3.0, 5.0]), 4.0);
        assert_eq!(minimum(&[9.0, 1.0, 3.0]), 1.0);
        assert_eq!(percentile(&[9.0, 1.0, 3.0], 99), 9.0);
        assert_eq!(percentile(&[9.0, 1.0, 3.0], 50), 3.0);
    }

    #[test]
    fn rounds_are_compared_in_pairs_and_the_median_decides() {
        let noisy = measure(&[20.0, 60.0, 300.0], &[10.0, 30.0, 30.0], Goal::AtMost(2.0));
        assert_eq!(noisy.ratios(), Some(vec![2.0, 2.0, 10.0]));
        assert_eq!(noisy.met(), Some(true));
        assert_eq!(
            measure(&[20.0], &[10.0], Goal::AtLeast(2.5)).met(),
            Some(false)
        );
    }

    #[test]
    fn a_goal_stands_in_the_row_of_the_median() {
        let json = Figures(vec![measure(&[20.0], &[10.0], Goal::AtMost(8.0))])
            .to_json()
            .unwrap();
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(rows[0]["metric"], "CPU, minimum");
        assert_eq!(rows[0]["met"], serde_json::Value::Null);
        assert_eq!(rows[1]["goal"], "<= 8");
        assert_eq!(rows[1]["met"], true);
        assert_eq!(rows[1]["ratio"], 2.0);
    }
}
