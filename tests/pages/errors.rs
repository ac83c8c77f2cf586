//! docs/errors.md: every stable code, as the bodies of functions raise it.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Function};

/// One code.
#[derive(Debug, Default)]
pub struct Said {
    /// SQLSTATEs, `PT` and the HTTP status.
    pub states: BTreeSet<String>,
    /// What is said to people; `%` stands for what is at hand.
    pub messages: BTreeSet<String>,
    /// The ways out.
    pub hints: BTreeSet<String>,
    /// Functions of `public` whose comment names it.
    pub named_by: BTreeSet<String>,
}

/// Every code that is raised or answered.
pub fn codes(functions: &[Function]) -> Result<BTreeMap<String, Said>> {
    let rules = rules()?;
    let mut codes: BTreeMap<String, Said> = BTreeMap::new();
    for function in functions {
        for statement in refusals(&function.body) {
            let (before, way_out) = statement.split_once("hint =").unwrap_or((&statement, ""));
            let states: BTreeSet<String> = literals(before)
                .into_iter()
                .filter(|text| text.starts_with("PT") && text.len() == 5)
                .chain(answered_status(before))
                .collect();
            let mut raised: BTreeSet<String> = literals(before)
                .into_iter()
                .filter(|text| text.starts_with("chat/"))
                .collect();
            let by_rule = before.contains("detail = refusal");
            if by_rule {
                raised = rules
                    .iter()
                    .filter(|rule| function.body.contains(&format!("chat.{}(", rule.name)))
                    .flat_map(|rule| rule.codes.keys().cloned())
                    .collect();
            }
            ensure!(
                !raised.is_empty() && !states.is_empty(),
                "{} refuses without a code or a status:\n{statement}",
                function.name
            );
            for code in raised {
                let said = codes.entry(code.clone()).or_default();
                said.states.extend(match &states {
                    several if several.len() > 1 => state_of(before, &code).into_iter().collect(),
                    one => one.clone(),
                });
                let ruled = rules
                    .iter()
                    .find_map(|rule| rule.codes.get(&code))
                    .filter(|_| by_rule);
                match ruled {
                    Some(why) => {
                        said.messages.insert(why.clone());
                        // A rule that knows the field says the way out itself.
                        said.hints.insert(
                            choice(way_out, &code)
                                .unwrap_or_else(|| "the hint names it".to_owned()),
                        );
                    }
                    None => {
                        let mut texts = literals(before).into_iter().filter(|text| !is_code(text));
                        said.messages.extend(texts.next());
                        said.hints.insert(
                            match (literals(way_out).concat(), statement.starts_with("raise")) {
                                (told, _) if !told.is_empty() => told,
                                (_, true) => "the hint names it".to_owned(),
                                // chat.answer_refusal(status, code, message, hint, …
                                (_, false) => texts.collect(),
                            },
                        );
                    }
                }
            }
        }
    }
    for function in functions
        .iter()
        .filter(|function| function.schema == "public")
    {
        for code in named(&function.says) {
            let said = codes.get_mut(&code).with_context(|| {
                format!(
                    "the comment of {} names {code}, which nobody raises",
                    function.name
                )
            })?;
            said.named_by.insert(function.name.clone());
        }
    }
    Ok(codes)
}

/// The page.
pub fn page(codes: &BTreeMap<String, Said>) -> String {
    let mut page = String::from(
        "# What is refused, and the way out\n\n\
         Every refusal of ours has an SQLSTATE `PTnnn`, which PostgREST answers as HTTP status nnn, a `message` for people, a\n\
         stable code for programs in `details`, and a `hint`. What must be counted although it is refused is answered in\n\
         the same form without an error. Written by `cargo x docs` from the functions themselves; `%` stands for what is at\n\
         hand. A code that a table's own write meets is named by no function.\n\n\
         What breaks a rule of a table in a write of that table (a word it does not know, a length, a missing value, a key)\n\
         is refused by PostgreSQL itself, in class 23 with the constraint's name; PostgREST answers 400 or 409. The worker\n\
         alone may meet 40001: a delivery whose sender was erased meanwhile. It takes the delivery again.\n\n\
         | code | status | message | way out | named by |\n|---|---|---|---|---|\n",
    );
    let joined = |texts: &BTreeSet<String>| {
        texts
            .iter()
            .map(|text| text.replace('|', "\\|"))
            .collect::<Vec<_>>()
            .join("<br>")
    };
    for (code, said) in codes {
        let statuses: BTreeSet<String> = said
            .states
            .iter()
            .map(|state| state.replace("PT", ""))
            .collect();
        page += &format!(
            "| `{code}` | {} | {} | {} | {} |\n",
            joined(&statuses),
            joined(&said.messages),
            joined(&said.hints),
            joined(&said.named_by)
        );
    }
    page
}

/// A rule of `chat_rules` that answers with codes, and what each means.
struct Rule {
    name: String,
    codes: BTreeMap<String, String>,
}

/// The rules: in each file that has codes, the functions that may answer them.
fn rules() -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for (_, text) in catalog::files("pg_chat_ext/rules/src", ".rs")? {
        let mut codes = BTreeMap::new();
        let mut why = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(doc) = line.strip_prefix("/// ") {
                why.push(doc.to_owned());
                continue;
            }
            if let Some(code) = line
                .split('"')
                .nth(1)
                .filter(|code| code.starts_with("chat/"))
            {
                codes.insert(code.to_owned(), why.join(" "));
            }
            why.clear();
        }
        if codes.is_empty() {
            continue;
        }
        let names = text.match_indices("pub fn ").filter_map(|(at, start)| {
            let name: String = text[at + start.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            (!name.is_empty()).then_some(name)
        });
        rules.extend(names.map(|name| Rule {
            name,
            codes: codes.clone(),
        }));
    }
    Ok(rules)
}

/// Statements of a body that refuse: `raise exception …` and calls of `chat.answer_refusal`, up to their semicolon.
fn refusals(body: &str) -> Vec<String> {
    let begun = body
        .match_indices("raise exception")
        .chain(body.match_indices("chat.answer_refusal("));
    begun
        .map(|(at, _)| until_semicolon(&body[at..]))
        // A block's own signal, which never leaves it, has no detail.
        .filter(|statement| {
            statement.contains("detail =") || statement.starts_with("chat.answer_refusal")
        })
        .collect()
}

/// The status of `chat.answer_refusal(401, …`.
fn answered_status(statement: &str) -> Option<String> {
    let arguments = statement.split_once("chat.answer_refusal(")?.1;
    let status: String = arguments
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (status.len() == 3).then(|| format!("PT{status}"))
}

fn until_semicolon(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .take_while(|c| {
            quoted ^= *c == '\'';
            quoted || *c != ';'
        })
        .collect()
}

/// The string literals of a piece of SQL, in order.
fn literals(text: &str) -> Vec<String> {
    // Quotes within a literal are doubled, so splitting gives literals and what is between them in turn.
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    let mut touching = false;
    for piece in text.split('\'') {
        if inside {
            match found.last_mut().filter(|_| touching) {
                Some(last) => {
                    last.push('\'');
                    last.push_str(piece);
                }
                None => found.push(piece.to_owned()),
            }
        } else {
            touching = piece.is_empty() && !found.is_empty();
        }
        inside = !inside;
    }
    found
}

fn is_code(text: &str) -> bool {
    text.starts_with("chat/") || text.starts_with("PT") && text.len() == 5
}

/// The state that `case … when 'code' then 'PTnnn' … else 'PTnnn' end` gives a code.
fn state_of(statement: &str, code: &str) -> Option<String> {
    choice(statement.split_once("errcode =")?.1, code)
}

/// What `case … when 'code' then 'text' … else 'text' end` gives a code; a text without a case is everybody's.
fn choice(text: &str, code: &str) -> Option<String> {
    let all = literals(text);
    let is = all.iter().position(|literal| literal == code);
    match is {
        Some(at) => all.get(at + 1).cloned(),
        None => literals(text.split_once("else ").map_or(text, |(_, rest)| rest))
            .into_iter()
            .next(),
    }
}

/// The codes that a comment names.
fn named(comment: &str) -> BTreeSet<String> {
    comment
        .match_indices("chat/")
        .map(|(at, _)| {
            comment[at..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '/' || *c == '_')
                .collect()
        })
        .collect()
}
