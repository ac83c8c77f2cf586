//! Everything in the catalog, tried by everybody, against `expected.toml`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use pg_chat_tests::Regime;
use sqlx::AssertSqlSafe;

use crate::expected::Expected;
use crate::objects::{Function, Kind, Relation, functions, relations};
use crate::observe::{Answer, Verb, answers, cells, executable, prepare};
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
    let world = World::under(regime).await?;
    let expected = Expected::read()?;
    let (relations, functions) = (relations(&world.db).await?, functions(&world.db).await?);
    let mut wrong = expected.gaps(&relations, &functions)?;
    let mut totals = Vec::new();
    for relation in &relations {
        totals.push((rows(&world, relation, &world.a).await?, rows(&world, relation, &world.b).await?));
    }

    let mut differences = Differences::default();
    for persona in Persona::ALL {
        let mut person = persona.enter(&world).await?;
        prepare(&mut person).await?;
        let (own, foreign) = persona.sites(&world);
        for (relation, &totals) in relations.iter().zip(&totals) {
            let cells = cells(relation);
            let totals = if own.site.id == world.a.site.id { totals } else { (totals.1, totals.0) };
            let answers = answers(&mut person, &cells, (own, foreign), totals).await?;
            for (cell, answer) in cells.iter().zip(answers) {
                let expected = expected.answer(cell, persona)?;
                if answer != expected {
                    let column = cell.column.map_or("", |column| &column.name);
                    differences.add(persona, &relation.name, cell.verb, column, answer, expected);
                }
            }
        }
        wrong.extend(wrongly_executable(&expected, &functions, persona, &executable(&mut person, &functions).await?)?);
    }
    wrong.extend(differences.sentences());
    ensure!(wrong.is_empty(), "tests/rls/expected.toml and the database differ:\n  {}", wrong.join("\n  "));
    Ok(())
}

/// How many rows of a relation a site has.
async fn rows(world: &World, relation: &Relation, house: &House) -> Result<i64> {
    let has_site = relation.columns.iter().any(|column| column.name == "site_id");
    let Some(condition) = house.rows_of(&relation.name, has_site).filter(|_| relation.kind != Kind::Sequence) else {
        return Ok(0);
    };
    let query = format!("select count(*) from {} where {condition}", relation.name);
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(world.db.owner()).await?)
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
            wrong.push(format!("{persona:?} {can} {}, expected.toml says otherwise", function.label));
        }
    }
    Ok(wrong)
}

/// Answers that differ, with columns of one kind together.
#[derive(Default)]
struct Differences(BTreeMap<(String, Verb, Persona, Answer, Answer), Vec<String>>);

impl Differences {
    fn add(&mut self, persona: Persona, relation: &str, verb: Verb, column: &str, answer: Answer, expected: Answer) {
        self.0.entry((relation.to_owned(), verb, persona, answer, expected)).or_default().push(column.to_owned());
    }

    fn sentences(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|((relation, verb, persona, answer, expected), columns)| {
            let columns = columns.join(" ");
            format!("{relation} {verb:?} by {persona:?}: {answer:?}, expected {expected:?} ({columns})")
        })
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
        ensure!(found.is_empty(), "under {regime:?} privileges: {}", found.join("; "));
    }
    Ok(())
}
