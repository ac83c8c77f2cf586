//! `worker check`: says in words what is missing or wrong, one line each, before anybody wonders why nothing arrives.
//! It changes nothing and shows no secret.

use crate::{
    apis::graph::Graph,
    config::{App, Config},
    db::Db,
};
use std::fmt;

mod clock;
mod database;
mod graph;
mod settings;
mod storage;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Not given.
    Missing,
    /// Given, but it cannot work.
    Wrong,
    /// It could not be told.
    Unknown,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub mark: Mark,
    /// What was looked at.
    pub what: String,
    /// What was seen and, unless all is well, what to do.
    pub says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Ok => "ok",
            Mark::Missing => "missing",
            Mark::Wrong => "wrong",
            Mark::Unknown => "unknown",
        };
        write!(f, "{mark:<8} {}: {}", self.what, self.says)
    }
}

/// All lines, in the order of checking.
#[derive(Clone, Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, mark: Mark, what: impl Into<String>, says: impl Into<String>) {
        self.0.push(Finding {
            mark,
            what: what.into(),
            says: says.into(),
        });
    }

    /// The lines.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// 0: all well. 1: something is missing or wrong. 2: nothing is, but not all could be told.
    pub fn exit_status(&self) -> u8 {
        let any = |marks: &[Mark]| self.0.iter().any(|finding| marks.contains(&finding.mark));
        if any(&[Mark::Missing, Mark::Wrong]) {
            1
        } else if any(&[Mark::Unknown]) {
            2
        } else {
            0
        }
    }
}

/// Checks everything that a worker with this configuration needs.
pub async fn report(config: &Config) -> Report {
    let mut report = Report::default();
    let apps: Vec<App> = config.apps();
    settings::check(config, &mut report);
    if !config.database.url.is_empty() || !config.edge.url.is_empty() {
        match Db::new(config) {
            Ok(db) => {
                database::check(&db, &mut report).await;
                db.close().await;
            }
            Err(error) => report.add(Mark::Wrong, "database", error.to_string()),
        }
    }
    match Graph::new(&config.graph) {
        Ok(client) => graph::check(&client, &apps, &mut report).await,
        Err(error) => report.add(Mark::Wrong, "graph.url", error.to_string()),
    }
    storage::check(&config.storage, &mut report).await;
    report
}

/// Prints the report; returns the exit status.
pub async fn run(config: &Config) -> u8 {
    let report = report(config).await;
    for finding in report.findings() {
        println!("{finding}");
    }
    report.exit_status()
}

#[cfg(test)]
mod tests {
    use super::{Mark, Report};

    #[test]
    fn what_is_wrong_weighs_more_than_what_could_not_be_told() {
        let mut report = Report::default();
        report.add(Mark::Ok, "a", "");
        assert_eq!(report.exit_status(), 0);
        report.add(Mark::Unknown, "b", "");
        assert_eq!(report.exit_status(), 2);
        report.add(Mark::Missing, "c", "");
        assert_eq!(report.exit_status(), 1);
    }
}
