//! Everything in the catalog, tried by everybody, against `expected.toml`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use pg_chat_tests::Regime;
use sqlx::AssertSqlSafe;

use crate::cells::{Verb, cells};
use crate::expected::Expected;
use crate::objects::{Function, Relation, functions, relations};
use crate::observe::{Answer, answers, executable, prepare};
use crate::personas::Persona;
use crate::world::{House, World};

#[tokio::test]
async fn everybody_may_do_what_is_expected_under_new_default_privileges() -> Result<()> {
    all_is_as_expected(Regime::New).await
}

#[tokio::test]
async fn everybody_may_do_what_is_expected_under_old_default_privileges() -> Result<()> {
    all_is_as_expected(Regime::Old).await
}

async fn all_is_as_expected(regime: Regime) -> Result<()> {
    let wrong = differences(&World::under(regime).await?).await?;
    ensure!(
        wrong.is_empty(),
        "tests/rls/expected.toml and the database differ:\n  {}",
        wrong.join("\n  ")
    );
    Ok(())
}

/// What somebody adds without a word here is found, and so is what they take away.
#[tokio::test]
async fn what_nobody_wrote_down_is_found() -> Result<()> {
    let world = World::under(Regime::Old).await?;
    world
        .as_owner(
            "create table chat.forgotten (id integer);
            create table public.chat_open (id integer);
            create function public.chat_forgotten() returns integer language sql return 1;
            alter table mod_chat_agents add column secret text;
            grant select (secret) on mod_chat_agents to anon;
            grant update (seq) on mod_chat_messages to authenticated;
            create policy opened on mod_chat_messages for update to authenticated using (true);
            drop table mod_chat_analytics;
            drop function chat_explain_assignment(uuid)",
        )
        .await?;
    let wrong = differences(&world).await?.join("\n");
    for sentence in [
        "chat.forgotten has no entry",
        "chat_open has no entry",
        "Select chat_open id: None for [Anon, Visitor",
        "function chat_forgotten has no entry",
        "Anon can call chat_forgotten",
        "Select mod_chat_agents secret: Unclear(\"granted, but not the columns that choose rows\") for [Anon",
        "Update mod_chat_messages seq: Own for [Agent",
        "there is no table, view or sequence mod_chat_analytics any more",
        "there is no function chat_explain_assignment any more",
    ] {
        ensure!(
            wrong.contains(sentence),
            "`{sentence}` is not among:\n{wrong}"
        );
    }
    Ok(())
}

/// Each difference between `expected.toml` and what comes of trying, as a sentence.
async fn differences(world: &World) -> Result<Vec<String>> {
    let expected = Expected::read()?;
    let (relations, functions) = (relations(&world.db).await?, functions(&world.db).await?);
    let mut wrong = expected.gaps(&relations, &functions)?;
    let mut totals = Vec::new();
    for relation in &relations {
        totals.push((
            rows(world, relation, &world.a).await?,
            rows(world, relation, &world.b).await?,
        ));
    }

    let mut differences = Differences::default();
    for persona in Persona::ALL {
        let mut person = persona.enter(world).await?;
        prepare(&mut person).await?;
        let (own, foreign) = persona.sites(world);
        for (relation, &totals) in relations.iter().zip(&totals) {
            let cells = cells(relation);
            let totals = if own.site.id == world.a.site.id {
                totals
            } else {
                (totals.1, totals.0)
            };
            let answers = answers(&mut person, &cells, (own, foreign), totals).await?;
            for (cell, answer) in cells.iter().zip(answers) {
                let expected = expected.answer(cell, persona)?;
                if answer != expected {
                    let column = cell.column.map_or("", |column| &column.name);
                    differences.add(persona, relation, cell.verb, column, answer, expected);
                }
            }
        }
        wrong.extend(wrongly_executable(
            &expected,
            &functions,
            persona,
            &executable(&mut person, &functions).await?,
        )?);
    }
    wrong.extend(differences.sentences());
    Ok(wrong)
}

/// How many rows of a relation a site has.
async fn rows(world: &World, relation: &Relation, house: &House) -> Result<i64> {
    let Some(condition) = house.rows_of(relation) else {
        return Ok(0);
    };
    let query = format!("select count(*) from {} where {condition}", relation.name);
    Ok(sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(world.db.owner())
        .await?)
}

fn wrongly_executable(
    expected: &Expected,
    functions: &[Function],
    persona: Persona,
    executable: &[bool],
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (function, &may) in functions.iter().zip(executable) {
        if may != expected.may_execute(function, persona)? {
            let can = if may { "can call" } else { "cannot call" };
            wrong.push(format!(
                "{persona:?} {can} {}, expected.toml says otherwise",
                function.label
            ));
        }
    }
    Ok(wrong)
}

/// Answers that differ, with the columns and personas of one kind together.
#[derive(Default)]
struct Differences(BTreeMap<(String, Verb, Answer, Answer), ColumnsOf>);

type ColumnsOf = BTreeMap<Persona, Vec<String>>;

impl Differences {
    fn add(
        &mut self,
        persona: Persona,
        relation: &Relation,
        verb: Verb,
        column: &str,
        answer: Answer,
        expected: Answer,
    ) {
        let same = self
            .0
            .entry((relation.name.clone(), verb, answer, expected))
            .or_default();
        same.entry(persona).or_default().push(column.to_owned());
    }

    fn sentences(self) -> Vec<String> {
        let mut sentences = Vec::new();
        for ((relation, verb, answer, expected), by_persona) in self.0 {
            let mut by_columns: BTreeMap<Vec<String>, Vec<Persona>> = BTreeMap::new();
            for (persona, columns) in by_persona {
                by_columns.entry(columns).or_default().push(persona);
            }
            for (columns, personas) in by_columns {
                let columns = columns.join(" ");
                sentences.push(format!(
                    "{verb:?} {relation} {columns}: {answer:?} for {personas:?}, expected {expected:?}"
                ));
            }
        }
        sentences
    }
}

/// The matrix tries what PostgREST can ask for. Old default privileges give more than that, and so would a careless
/// `grant all`: a trigger or a foreign key of one's own on our table would run with every writer's rights.
#[tokio::test]
async fn clients_hold_no_privilege_that_the_matrix_does_not_try() -> Result<()> {
    for regime in Regime::ALL {
        let world = World::under(regime).await?;
        let found: Vec<String> = sqlx::query_scalar(
            "select format('%s holds %s on %s', coalesce(r.rolname, 'public'), lower(a.privilege_type), c.oid::regclass)
            from pg_class c
            cross join lateral aclexplode(c.relacl) a
            left join pg_roles r on r.oid = a.grantee
            where c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
                and coalesce(r.rolname, 'public') not in ('postgres', 'service_role')
                and a.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            order by 1",
        )
        .fetch_all(world.db.owner())
        .await?;
        ensure!(
            found.is_empty(),
            "under {regime:?} privileges: {}",
            found.join("; ")
        );
    }
    Ok(())
}
