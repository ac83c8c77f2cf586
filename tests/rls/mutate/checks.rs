//! Mutations of bodies. Only functions count that a client's call, a trigger or a policy reaches. A check is, by rule:
//!
//! 1. a statement `perform chat.require…(…);` whose helper refuses with PT401, PT403 or PT404: it is taken out;
//! 2. a condition that leads to such a refusal: each part between its `or`s never holds (but for `not found`,
//!    `… is null` and the search of a row by its id alone, which say that there is nothing to refuse);
//! 3. a call of a helper that answers a question about rights ([`ASKS`]): the answer is always yes;
//! 4. a comparison with whom the caller is (`auth.uid()`) or with what is theirs (`chat.my_…()`, `chat.sites_in_charge()`,
//!    or a variable made of them): it always holds; what limits the caller never does;
//! 5. a comparison of a site or session with a parameter or variable, in a trigger or a function that a client may call or that asks
//!    who the caller is: it always holds (but not within a check of rule 1, which would then ask for more);
//! 6. a permission that is named: the one to view takes its place;
//! 7. a helper that gives a row after asking for a right ([`GIVES`]): the row is taken without asking.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result};
use pg_chat_tests::TestDb;
use regex::Regex;

use super::body::Body;
use super::{Kind, Mutation};
use crate::questions::{Names, Part};

/// Helpers that answer a question about rights with yes or no.
const ASKS: &str = r"\bchat\.(?:may|may_in|sees_conversation|sees_visitor|in_part|role_may|is_dba|identity_proven|origin_allowed)";

/// Helpers that give a row after asking for a right, and what gives it without asking; `{0}` is the first argument.
const GIVES: &[(&str, &str)] = &[
    (
        "chat.lock_conversation",
        "(select x from public.mod_chat_conversations x where x.id = {0})",
    ),
    (
        "chat.require_own_conversation",
        "(select x from public.mod_chat_conversations x where x.id = {0})",
    ),
    (
        "chat.require_for_visitor",
        "(select x.site_id from public.mod_chat_visitors x where x.id = {0})",
    ),
    (
        "chat.saved_view",
        "(select x from chat.saved_views x where x.id = {0})",
    ),
    (
        "chat.my_agent",
        "(select x.id from public.mod_chat_agents x where x.site_id = {0} order by x.id limit 1)",
    ),
    (
        "chat.my_session",
        "(select x from chat.sessions x order by x.created_at, x.id limit 1)",
    ),
];

#[derive(sqlx::FromRow)]
struct Source {
    signature: String,
    name: String,
    body: String,
    definition: String,
    is_inlined: bool,
    is_called: bool,
    knows_caller: bool,
}

/// A check in a body, what takes its place, and how that is called.
struct Check {
    place: Range<usize>,
    replacement: String,
    says: &'static str,
}

impl Check {
    fn constant(place: Range<usize>, holds: bool) -> Self {
        let (replacement, says) = if holds {
            ("true", "always holds")
        } else {
            ("false", "never holds")
        };
        Self {
            place,
            replacement: replacement.to_owned(),
            says,
        }
    }
}

/// Every check of every function that a client reaches.
pub async fn mutations(db: &TestDb) -> Result<Vec<Mutation>> {
    let sources: Vec<Source> = sqlx::query_as(include_str!("functions.sql"))
        .fetch_all(db.owner())
        .await?;
    let relations: Vec<(String, String)> = sqlx::query_as(include_str!("relations.sql"))
        .fetch_all(db.owner())
        .await?;
    let mut graph = Graph::of(&sources)?;
    graph.run_by(&relations)?;
    let patterns = Patterns::new()?;
    let mut mutations = Vec::new();
    for source in &sources {
        if !graph.reached.contains(&source.name) {
            continue;
        }
        let callers = graph.callers(&source.name);
        let body = Body::new(source.body.clone());
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for check in patterns.checks(&body, &graph, source.knows_caller)? {
            let text = body.text(&check.place).split_whitespace();
            let text = text.collect::<Vec<_>>().join(" ");
            let mut name = format!("{}: `{text}` {}", source.signature, check.says);
            let times = names.entry(name.clone()).or_default();
            *times += 1;
            if *times > 1 {
                name += &format!(" ({times})");
            }
            mutations.push(Mutation {
                kind: Kind::Check,
                name,
                definition: text,
                statements: source
                    .definition
                    .replace(&source.body, &body.with(&check.place, &check.replacement)),
                part: Part {
                    calls: Names::of(
                        callers
                            .iter()
                            .filter_map(|name| name.strip_prefix("public.")),
                    ),
                    relations: Names::of(graph.relations_running(&callers)),
                    ..Part::nothing()
                },
                // An inlined function is not counted when it runs.
                functions: if source.is_inlined {
                    Vec::new()
                } else {
                    vec![source.name.clone()]
                },
            });
        }
    }
    Ok(mutations)
}

/// Who calls whom.
struct Graph {
    /// What each relation runs besides the statement.
    run: BTreeMap<String, BTreeSet<String>>,
    calls: BTreeMap<String, BTreeSet<String>>,
    /// What clients, triggers and policies reach.
    reached: BTreeSet<String>,
    /// What refuses with PT401, PT403 or PT404, itself or by a helper.
    refusing: BTreeSet<String>,
}

impl Graph {
    fn of(sources: &[Source]) -> Result<Self> {
        let called = Regex::new(r"\b((?:chat|public)\.\w+)\(")?;
        let refusal = Regex::new(r"'PT40[134]'")?;
        let mut graph = Self {
            run: BTreeMap::new(),
            calls: BTreeMap::new(),
            reached: BTreeSet::new(),
            refusing: BTreeSet::new(),
        };
        for source in sources {
            let calls = called.captures_iter(&source.body);
            graph
                .calls
                .entry(source.name.clone())
                .or_default()
                .extend(calls.map(|call| call[1].to_owned()));
            if source.is_called {
                graph.reached.insert(source.name.clone());
            }
            if refusal.is_match(&source.body) {
                graph.refusing.insert(source.name.clone());
            }
        }
        loop {
            let (reached, refusing) = (graph.reached.len(), graph.refusing.len());
            for (caller, callees) in &graph.calls {
                if graph.reached.contains(caller) {
                    graph.reached.extend(callees.iter().cloned());
                }
                if callees.iter().any(|callee| graph.refusing.contains(callee)) {
                    graph.refusing.insert(caller.clone());
                }
            }
            if (reached, refusing) == (graph.reached.len(), graph.refusing.len()) {
                return Ok(graph);
            }
        }
    }

    /// Learns what relations run.
    fn run_by(&mut self, relations: &[(String, String)]) -> Result<()> {
        let called = Regex::new(r"\b(chat\.\w+)\(")?;
        for (relation, text) in relations {
            let calls = called.captures_iter(text);
            self.run.insert(
                relation.clone(),
                calls.map(|call| call[1].to_owned()).collect(),
            );
        }
        Ok(())
    }

    /// Relations that run one of these functions.
    fn relations_running(&self, functions: &BTreeSet<String>) -> Vec<String> {
        let of = self.run.iter();
        of.filter(|(_, run)| !run.is_disjoint(functions))
            .map(|(relation, _)| relation.clone())
            .collect()
    }

    /// A function and whatever calls it, directly or not.
    fn callers(&self, name: &str) -> BTreeSet<String> {
        let mut callers = BTreeSet::from([name.to_owned()]);
        loop {
            let known = callers.len();
            for (caller, callees) in &self.calls {
                if callees.iter().any(|callee| callers.contains(callee)) {
                    callers.insert(caller.clone());
                }
            }
            if known == callers.len() {
                return callers;
            }
        }
    }
}

/// The rules as patterns.
struct Patterns {
    require: Regex,
    condition: Regex,
    then: Regex,
    raised: Regex,
    or: Regex,
    nothing_there: Regex,
    asks: Regex,
    variable: Regex,
    among: Regex,
    theirs: Regex,
    uid: Regex,
    site: Regex,
    alias: Regex,
    permission: Regex,
    comma: Regex,
}

impl Patterns {
    fn new() -> Result<Self> {
        Ok(Self {
            require: Regex::new(r"\bperform (chat\.require\w*)\([^;]*;")?,
            condition: Regex::new(r"\b(?:els)?if\b")?,
            then: Regex::new(r"\bthen\b")?,
            raised: Regex::new(r"(?s)^\s*raise exception[^;]*'PT40[134]'")?,
            or: Regex::new(r"\bor\b")?,
            nothing_there: Regex::new(
                r"^(?:not found|[\w.]+ is null|not exists \(select from [\w.]+ \w+ where \w+\.id = \w+\))$",
            )?,
            asks: Regex::new(ASKS)?,
            variable: Regex::new(
                r"\b(\w+) constant [\w.\[\]]+ := (?:auth\.uid\(\)|chat\.(?:my_sites_with|my_whole_sites|my_visitor_ids|my_limited_sites|visitors_of|inbox_sites))\b",
            )?,
            among: Regex::new(r"[\w.]+ (= any|<> all) \(")?,
            theirs: Regex::new(r"chat\.my_\w+\(|chat\.sites_in_charge\(|\bp_mine\b")?,
            uid: Regex::new(r"[\w.]+ = auth\.uid\(\)(?:::text)?")?,
            site: Regex::new(
                r"(?:^|[^\w.)])([\w.]*\b(?:site_id|session_id) (=|<>|is distinct from) ([\w.]+))",
            )?,
            alias: Regex::new(
                r"\b(?:from|join|update|insert into|using|lateral)\s+(?:[\w.]+|\([^()]*\))\s+(?:as\s+)?(\w+)",
            )?,
            permission: Regex::new(r"'live-chat\.[\w.]+'")?,
            comma: Regex::new(",")?,
        })
    }

    fn checks(&self, body: &Body, graph: &Graph, knows_caller: bool) -> Result<Vec<Check>> {
        let mut checks = self.requirements(body, graph);
        let requirements: Vec<_> = checks.iter().map(|check| check.place.clone()).collect();
        let parts = self.conditions(body);
        checks.extend(
            parts
                .iter()
                .map(|part| Check::constant(part.clone(), false)),
        );
        for call in body.calls(&self.asks) {
            // Taken away as a part of the condition already.
            let is_all = |part: &&Range<usize>| {
                part.end == call.all.end
                    && body.masked(part).trim_start_matches("not ").len() == call.all.len()
            };
            if !parts.iter().any(|part| is_all(&part)) {
                checks.push(Check {
                    place: call.all,
                    replacement: "true".to_owned(),
                    says: "is yes",
                });
            }
        }
        checks.extend(self.comparisons(body));
        if knows_caller {
            let sites = self.sites(body).into_iter();
            checks.extend(sites.filter(|site| {
                let is_within = |all: &Range<usize>| all.contains(&site.place.start);
                !requirements.iter().any(is_within)
            }));
        }
        checks.extend(self.permissions(body));
        checks.extend(self.rows(body)?);
        Ok(checks)
    }

    fn requirements(&self, body: &Body, graph: &Graph) -> Vec<Check> {
        let found = self.require.captures_iter(body.masked(&body.all()));
        found
            .filter(|found| graph.refusing.contains(&found[1]))
            .filter_map(|found| found.get(0))
            .map(|found| Check {
                place: found.range(),
                replacement: String::new(),
                says: "is taken out",
            })
            .collect()
    }

    /// The parts of conditions that lead to a refusal.
    fn conditions(&self, body: &Body) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        for start in body.find(&self.condition) {
            if body.masked(&(0..start.start)).trim_end().ends_with("end") {
                continue;
            }
            let rest = start.end..body.all().end;
            let Some(condition) = body.split(&rest, &self.then).into_iter().next() else {
                continue;
            };
            let after = body.text(&(condition.end..rest.end)).trim_start();
            if after
                .strip_prefix("then")
                .is_some_and(|statement| self.raised.is_match(statement))
            {
                let of = body.split(&condition, &self.or).into_iter();
                parts.extend(of.filter(|part| !self.nothing_there.is_match(body.masked(part))));
            }
        }
        parts
    }

    /// Who the caller is, and what is theirs.
    fn comparisons(&self, body: &Body) -> Vec<Check> {
        let all = body.masked(&body.all());
        let mine: BTreeSet<&str> = self
            .variable
            .captures_iter(all)
            .filter_map(|found| Some(found.get(1)?.as_str()))
            .collect();
        let mut checks = Vec::new();
        for found in self.among.captures_iter(all) {
            let Some(whole) = found.get(0) else { continue };
            let Some(end) = body.closing(whole.end() - 1) else {
                continue;
            };
            let set = &all[whole.end()..end];
            if self.theirs.is_match(set) || mine.contains(set) {
                let limits = set.contains("limited");
                let is_among = &found[1] == "= any";
                checks.push(Check::constant(whole.start()..end + 1, is_among != limits));
            }
        }
        let themselves = self.uid.find_iter(all);
        checks.extend(themselves.map(|found| Check::constant(found.range(), true)));
        checks
    }

    /// Which site or session.
    fn sites(&self, body: &Body) -> Vec<Check> {
        let all = body.masked(&body.all());
        let aliases: BTreeSet<&str> = self
            .alias
            .captures_iter(all)
            .filter_map(|found| Some(found.get(1)?.as_str()))
            .collect();
        let mut checks = Vec::new();
        for found in self.site.captures_iter(all) {
            let (Some(whole), Some(other)) = (found.get(1), found.get(3)) else {
                continue;
            };
            let other = other.as_str();
            let root = other.split('.').next().unwrap_or(other);
            let before = all[..whole.start()].trim_end();
            let is_assignment = before.ends_with(',') || before.ends_with(" set");
            let is_keyword = ["any", "all", "case", "coalesce", "auth"].contains(&root);
            if !aliases.contains(root) && !is_keyword && !is_assignment {
                checks.push(Check::constant(whole.range(), &found[2] == "="));
            }
        }
        checks
    }

    fn permissions(&self, body: &Body) -> Vec<Check> {
        let all = body.all();
        let found = self.permission.find_iter(body.text(&all));
        found
            .filter(|found| body.masked(&found.range()).starts_with('\''))
            .filter(|found| found.as_str() != "'live-chat.conversations.view'")
            .map(|found| Check {
                place: found.range(),
                replacement: "'live-chat.conversations.view'".to_owned(),
                says: "is the right to view",
            })
            .collect()
    }

    fn rows(&self, body: &Body) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        for (helper, row) in GIVES {
            let name = Regex::new(&format!(r"\b{}", regex::escape(helper)))?;
            for call in body.calls(&name) {
                let arguments = body.split(&call.arguments, &self.comma);
                let first = arguments.first().context("a call without arguments")?;
                checks.push(Check {
                    place: call.all.clone(),
                    replacement: row.replace("{0}", body.text(first)),
                    says: "asks nobody",
                });
            }
        }
        // `perform` of such a helper is a statement that asks, and has been taken out as one.
        checks.retain(|check| !body.masked(&(0..check.place.start)).ends_with("perform "));
        Ok(checks)
    }
}
