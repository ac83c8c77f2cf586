//! Decisions by example, through SQL. The same files run against the Rust functions themselves in chat_rules; here
//! they show that the wrappers `chat.<rule>` ask the same functions in the same way.
//!
//! A file of tests/vectors is `{"rule": "delivery_next", "cases": [{"says", "args": {name: value}, "gives"}]}`; args are
//! the named arguments of the wrapper. Files without `rule` hold vectors of another kind.

use std::fs;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use pg_chat_tests::{TestDb, repository};
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

#[derive(Deserialize)]
struct Vectors {
    rule: String,
    /// False for a rule that only Rust knows.
    #[serde(default = "yes")]
    sql: bool,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    says: String,
    args: Map<String, Value>,
    gives: Value,
}

fn yes() -> bool {
    true
}

#[tokio::test]
async fn every_case_gives_the_same_through_sql() -> Result<()> {
    let db = TestDb::new().await?;
    let mut connection = db.connect_as("postgres").await?;
    sqlx::query("set timezone = 'UTC'")
        .execute(&mut connection)
        .await?;
    let mut cases = 0;
    let mut wrong = Vec::new();
    for vectors in read()? {
        for case in &vectors.cases {
            cases += 1;
            let gives = ask(&mut connection, &vectors.rule, &case.args)
                .await
                .with_context(|| format!("{}: {}", vectors.rule, case.says))?;
            if !same(&gives, &case.gives) {
                wrong.push(format!(
                    "{}: {}: gives {gives}, not {}",
                    vectors.rule, case.says, case.gives
                ));
            }
        }
    }
    connection.close().await?;
    ensure!(cases > 0, "tests/vectors holds no case for SQL");
    ensure!(
        wrong.is_empty(),
        "{} of {cases} cases differ:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(())
}

/// The files with a rule that SQL can ask.
fn read() -> Result<Vec<Vectors>> {
    let mut read = Vec::new();
    let dir = repository().join("tests/vectors");
    for entry in fs::read_dir(&dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let content: Value = serde_json::from_str(&fs::read_to_string(&path)?)
            .with_context(|| format!("{} is no JSON", path.display()))?;
        if content.get("rule").is_some() {
            let vectors: Vectors = serde_json::from_value(content)
                .with_context(|| format!("{} is not in the form of vectors", path.display()))?;
            read.extend(vectors.sql.then_some(vectors));
        }
    }
    Ok(read)
}

/// Calls the wrapper by named arguments. Every value goes as a literal without a type, so the parameter's type reads
/// it; a row comes back as an object, a scalar as itself.
async fn ask(
    connection: &mut PgConnection,
    rule: &str,
    args: &Map<String, Value>,
) -> Result<Value> {
    let args: Vec<_> = args
        .iter()
        .map(|(name, value)| format!("{name} => {}", literal(value)))
        .collect();
    let question = format!(
        "select to_jsonb(answer) from chat.{rule}({}) answer",
        args.join(", ")
    );
    let answer: Option<Option<Value>> = sqlx::query_scalar(AssertSqlSafe(question))
        .fetch_optional(connection)
        .await?;
    Ok(answer.flatten().unwrap_or(Value::Null))
}

fn literal(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("'{}'", text.replace('\'', "''"))
}

/// Equal, or two spellings of one instant, at any depth.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let at = |text: &str| text.parse::<Timestamp>().ok();
            a == b || at(a).is_some_and(|instant| at(b) == Some(instant))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}
