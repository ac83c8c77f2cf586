//! Everything in the catalog, tried by everybody, against `expected.toml`.

use anyhow::{Result, ensure};
use pg_chat_tests::Regime;

use crate::differences::Differences;
use crate::observe::prepare;
use crate::personas::Persona;
use crate::questions::{Names, Part, Questions};
use crate::world::World;

#[tokio::test]
async fn everybody_may_do_what_is_expected_under_new_default_privileges() -> Result<()> {
    all_is_as_expected(Regime::New).await
}

#[tokio::test]
async fn everybody_may_do_what_is_expected_under_old_default_privileges() -> Result<()> {
    all_is_as_expected(Regime::Old).await
}

async fn all_is_as_expected(regime: Regime) -> Result<()> {
    let wrong = differences(&World::under(regime).await?, &all_but_calls()).await?;
    ensure!(
        wrong.is_empty(),
        "tests/rls/expected.toml and the database differ:\n  {}",
        wrong.join("\n  ")
    );
    Ok(())
}

/// What everybody may do with a function, not only whether they may call it.
#[tokio::test]
async fn everybody_gets_from_each_function_what_is_expected() -> Result<()> {
    let world = World::new().await?;
    Questions::read(&world).await?.prepare_calls(&world).await?;
    let wrong = differences(&world, &calls()).await?;
    ensure!(
        wrong.is_empty(),
        "tests/rls/calls.toml and the database differ:\n  {}",
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
    let touched = Part {
        relations: Names::of([
            "chat.forgotten",
            "chat_open",
            "mod_chat_agents",
            "mod_chat_messages",
        ]),
        ..all_but_calls()
    };
    let wrong = differences(&world, &touched).await?.join("\n");
    for sentence in [
        "chat.forgotten has no entry",
        "chat_open has no entry",
        "Select chat_open id: None for [Anon, Visitor",
        "function chat_forgotten has no entry",
        "Execute chat_forgotten : All for [Anon",
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

/// What needs no rows but those of the world.
fn all_but_calls() -> Part {
    Part {
        calls: Names::none(),
        ..Part::all()
    }
}

/// Calls alone; they need [`Questions::prepare_calls`].
fn calls() -> Part {
    Part {
        calls: Names::All,
        ..Part::nothing()
    }
}

/// Each difference between what is written down and what comes of trying, as a sentence.
async fn differences(world: &World, part: &Part) -> Result<Vec<String>> {
    let questions = Questions::read(world).await?;
    let mut wrong = questions.gaps()?;
    let mut differences = Differences::default();
    for persona in Persona::ALL {
        let mut person = world.db.enter(persona.caller(world)?).await?;
        prepare(person.connection().await?).await?;
        let mut request = person.begin().await?;
        questions
            .ask(world, &mut request, persona, part, &mut differences)
            .await?;
        request.rollback().await?;
    }
    wrong.extend(differences.sentences());
    Ok(wrong)
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
                and coalesce(r.rolname, 'public') <> 'postgres'
                and a.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
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
