//! Which file may say what. The rules look at lines without their comments; they are habits made visible, not a
//! parser: a rule that can be fooled by a line break is still a rule that is seldom broken by accident.

use anyhow::Result;

use crate::repo::{self, File};

/// One rule about the text of files.
pub struct Rule {
    /// Where it holds: folders from the root, each with the extension of its files.
    places: &'static [(&'static str, &'static str)],
    /// The files below `places` for which it does not.
    except: fn(path: &str) -> bool,
    /// What in a line (lower case, no comment) breaks it.
    breach: fn(line: &str) -> Option<String>,
    /// Why.
    why: &'static str,
}

/// All of them. There is none for web/ as long as there is no web/.
pub const RULES: &[Rule] = &[
    ONE_DOOR_TO_SQL,
    ONE_PLACE_OF_GRANTS,
    RULES_THROUGH_WRAPPERS,
    RULES_ARE_PURE,
];

const ONE_DOOR_TO_SQL: Rule = Rule {
    places: &[("worker/src", "rs")],
    except: |path| path == "worker/src/db.rs" || path.starts_with("worker/src/db/"),
    breach: called,
    why: "only worker/src/db.rs and its parts name SQL functions",
};

const ONE_PLACE_OF_GRANTS: Rule = Rule {
    places: &[("sql", "sql"), ("worker/src", "rs")],
    except: |_| false,
    breach: |line| {
        let rights = [
            "grant ",
            "revoke ",
            "create policy ",
            "alter default privileges ",
        ];
        rights
            .into_iter()
            .find(|words| states(line, words))
            .map(|words| words.trim().to_owned())
    },
    why: "only policies/ grants or denies",
};

const RULES_THROUGH_WRAPPERS: Rule = Rule {
    places: &[("sql", "sql"), ("policies", "sql"), ("worker/src", "rs")],
    except: |path| path.starts_with("sql/") && path.ends_with("/rules.sql"),
    // A role that runs an inlined wrapper needs the right on what is inlined.
    breach: |line| {
        let named = line.contains("chat_rules.") && !line.starts_with("grant execute on function");
        named.then(|| "chat_rules.".to_owned())
    },
    why: "only the wrappers in sql/<room>/rules.sql name the extension's functions",
};

const RULES_ARE_PURE: Rule = Rule {
    places: &[("pg_chat_ext/rules/src", "rs")],
    except: |_| false,
    breach: |line| {
        let outside = [
            "systemtime",
            "instant::now",
            "timestamp::now",
            "zoned::now",
            "std::env",
            "rand::",
            "std::net",
        ];
        outside
            .into_iter()
            .find(|words| line.contains(words))
            .map(str::to_owned)
    },
    why: "a rule has no clock, no chance and no environment; they are handed in",
};

impl Rule {
    /// The files it looks at.
    pub fn files(&self) -> Result<Vec<File>> {
        let mut files = Vec::new();
        for (dir, ext) in self.places {
            files.extend(repo::files(dir, ext)?);
        }
        Ok(files)
    }

    /// A sentence for each line that breaks it.
    pub fn breaches(&self, files: &[File]) -> Vec<String> {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| !(self.except)(&file.path)) {
            let comment = if file.path.ends_with(".sql") {
                "--"
            } else {
                "//"
            };
            for (number, line) in (1..).zip(file.text.lines()) {
                let code = line
                    .split_once(comment)
                    .map_or(line, |(code, _)| code)
                    .to_ascii_lowercase();
                if let Some(words) = (self.breach)(&code) {
                    found.push(format!("{}:{number}: `{words}`: {}", file.path, self.why));
                }
            }
        }
        found
    }
}

/// The first `chat_…` in the line that is called.
fn called(line: &str) -> Option<String> {
    line.match_indices("chat_").find_map(|(at, _)| {
        let inside_a_name =
            line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let name = &line[at..];
        let end = name.find(|c: char| !(c.is_ascii_lowercase() || c == '_'))?;
        (name[end..].starts_with('(') && !inside_a_name).then(|| name[..end].to_owned())
    })
}

/// Whether a statement begins with these words: at the start of the line, after a semicolon, or in a string that
/// is executed.
fn states(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].trim_end();
        before.is_empty() || before.ends_with([';', '\'', '"'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(rule: &Rule, path: &str, text: &str) -> Vec<String> {
        rule.breaches(&[File {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
    }

    #[test]
    fn a_sql_function_named_outside_db_is_found() {
        let text = "let q = \"select chat_tick($1)\"; // chat_claim_jobs(1)";
        let found = breaches(&ONE_DOOR_TO_SQL, "worker/src/queue/run.rs", text);
        assert_eq!(
            found,
            [
                "worker/src/queue/run.rs:1: `chat_tick`: only worker/src/db.rs and its parts name SQL functions"
            ]
        );
        assert!(breaches(&ONE_DOOR_TO_SQL, "worker/src/db.rs", text).is_empty());
        assert!(
            breaches(
                &ONE_DOOR_TO_SQL,
                "worker/src/main.rs",
                "use chat_rules::whatsapp::parse;"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_grant_outside_policies_is_found_and_a_word_of_that_name_is_not() {
        for text in [
            "grant select on t to anon;",
            "  Revoke all on t from anon;",
            "execute 'create policy p on t';",
        ] {
            assert_eq!(
                breaches(&ONE_PLACE_OF_GRANTS, "sql/team/agents.sql", text).len(),
                1,
                "{text}"
            );
        }
        for text in [
            "check (kind in ('edit', 'revoke', 'system'))",
            "-- grant select on t to anon",
            "v_grant := 1;",
        ] {
            assert!(
                breaches(&ONE_PLACE_OF_GRANTS, "sql/team/agents.sql", text).is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_extension_is_named_by_wrappers_only() {
        let text = "select chat_rules.window_allows($1, $2, $3)";
        assert_eq!(
            breaches(&RULES_THROUGH_WRAPPERS, "sql/whatsapp/receive.sql", text).len(),
            1
        );
        assert_eq!(
            breaches(&RULES_THROUGH_WRAPPERS, "policies/whatsapp.sql", text).len(),
            1
        );
        assert!(breaches(&RULES_THROUGH_WRAPPERS, "sql/whatsapp/rules.sql", text).is_empty());
        let grant = "grant execute on function chat_rules.window_allows(text) to authenticated;";
        assert!(breaches(&RULES_THROUGH_WRAPPERS, "policies/whatsapp.sql", grant).is_empty());
    }

    #[test]
    fn a_clock_in_a_rule_is_found() {
        for text in [
            "let at = Timestamp::now();",
            "use std::env;",
            "let n = rand::random::<u8>();",
        ] {
            assert_eq!(
                breaches(&RULES_ARE_PURE, "pg_chat_ext/rules/src/window.rs", text).len(),
                1,
                "{text}"
            );
        }
        assert!(
            breaches(
                &RULES_ARE_PURE,
                "pg_chat_ext/rules/src/window.rs",
                "fn window(at: Timestamp)"
            )
            .is_empty()
        );
    }
}
