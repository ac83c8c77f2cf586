//! Secrets of apps and accounts: sealed boxes, hashes of verify tokens. Nobody but the worker ever reads one, by a table, a
//! view, a plan, a function or an error.

use anyhow::{Result, ensure};
use pg_chat_tests::Refusal;
use sqlx::AssertSqlSafe;

use super::{allowed, refused};
use crate::calls::Calls;
use crate::personas::Persona;
use crate::questions::Names;
use crate::world::World;

super::held_off!(
    reading_them_from_tables,
    asking_for_them_by_any_function,
    asking_as_the_worker_does,
    seeing_one_in_a_refusal,
    replacing_those_of_a_foreign_app,
);

/// What every secret consists of, again and again: 12 bytes, so that each form of it repeats, too.
const MARK: &str = "PGCHATSECRET";
/// The same in base64 and in hexadecimal.
const SHOWN: [&str; 3] = [MARK, "UEdDSEFUU0VDUkVU", "504743484154534543524554"];

/// Columns that hold one, or a trace of one.
const COLUMNS: [(&str, &str); 6] = [
    ("chat.whatsapp_apps", "sealed_secret"),
    ("chat.whatsapp_apps", "verify_token_hash"),
    ("chat.whatsapp_accounts", "sealed_token"),
    ("chat.whatsapp_accounts", "token_mark"),
    ("chat.sealed_secrets", "sealed"),
    ("chat.worker_keys", "public_key"),
];

/// The worker's key becomes known.
pub const WORKER_KEY: &str = "insert into chat.worker_keys (id, public_key, is_current)
    values ('00112233aabbccdd', decode(repeat('07', 32), 'hex'), true) on conflict do nothing";

/// Something that looks sealed for that key.
pub const SEALED: &str = "translate(encode(decode('0100112233aabbccdd' || repeat('05', 60), 'hex'), 'base64'), e'\\n', '')";

/// Every app and account gets secrets that consist of the mark.
async fn mark(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "{WORKER_KEY};
            update chat.whatsapp_apps set site_id = coalesce(site_id, '{site}'), meta_app_id = '2002',
                sealed_secret = decode('0100112233aabbccdd', 'hex') || convert_to(repeat('{MARK}', 9), 'UTF8'),
                verify_token_hash = convert_to(repeat('{MARK}', 2), 'UTF8');
            update chat.whatsapp_accounts set token_mark = '{MARK}',
                sealed_token = decode('0100112233aabbccdd', 'hex') || convert_to(repeat('{MARK}', 9), 'UTF8');",
            site = world.a.site.id
        ))
        .await
}

/// A number of site A with an app and an account of its own, which have secrets.
async fn connected(world: &World) -> Result<()> {
    super::numbers::connect(world, &world.a, "first", "777").await?;
    mark(world).await
}

fn shows(text: &str) -> bool {
    SHOWN.iter().any(|form| text.contains(form))
}

pub async fn reading_them_from_tables(world: &World) -> Result<()> {
    connected(world).await?;
    world
        .as_owner("analyze chat.whatsapp_apps, chat.whatsapp_accounts, chat.worker_keys")
        .await?;
    for persona in Persona::ALL {
        let mut person = world.db.enter(persona.caller(world)?).await?;
        for (table, column) in COLUMNS {
            for statement in [
                format!("select {column} from {table}"),
                format!("select count({column}) from {table}"),
                format!("select 1 from {table} where {column}::text like '%a%'"),
                format!("select t::text from {table} t"),
                format!("explain select {column} from {table}"),
                format!("explain (analyze, verbose) select 1 from {table} order by {column}"),
            ] {
                refused(person.execute(&statement).await, "42501")?;
            }
            let (schema, name) = table.split_once('.').unwrap_or_default();
            let kept = format!(
                "select count(*) from pg_stats
                where schemaname = '{schema}' and tablename = '{name}' and attname = '{column}'"
            );
            let kept: i64 = {
                let mut request = person.begin().await?;
                sqlx::query_scalar(AssertSqlSafe(kept))
                    .fetch_one(&mut *request)
                    .await?
            };
            ensure!(
                kept == 0,
                "{persona:?} reads statistics of {table}.{column}"
            );
        }
    }
    Ok(())
}

pub async fn asking_as_the_worker_does(world: &World) -> Result<()> {
    connected(world).await?;
    for persona in Persona::ALL {
        let mut person = world.db.enter(persona.caller(world)?).await?;
        for call in [
            "select chat_whatsapp_secrets()",
            "select chat_secrets_to_reseal('')",
            "select chat_store_resealed('[]')",
        ] {
            let answer = person.execute(call).await;
            if persona == Persona::Worker {
                allowed(answer)?;
            } else {
                refused(answer, "42501")?;
            }
        }
    }
    let given = world.look("chat_whatsapp_secrets()").await?;
    ensure!(shows(&given), "the worker is given none: {given}");
    Ok(())
}

pub async fn asking_for_them_by_any_function(world: &World) -> Result<()> {
    let calls = Calls::read()?;
    for house in world.houses() {
        world.as_owner(&calls.given(house)).await?;
    }
    connected(world).await?;
    for persona in Persona::ALL {
        if persona == Persona::Worker {
            continue;
        }
        let mut person = world.db.enter(persona.caller(world)?).await?;
        let (own, foreign) = persona.sites(world);
        for call in calls.of(&Names::All, own, foreign) {
            let call = &call.at[0];
            let mut request = person.begin().await?;
            // Each is undone: none shall spoil the next.
            let answered = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(format!(
                "select to_jsonb(x)::text from ({call}) x"
            )))
            .fetch_all(&mut *request)
            .await;
            let said = match &answered {
                Ok(rows) => format!("{rows:?}"),
                Err(error) => format!("{error:?} {:?}", Refusal::of(error)),
            };
            ensure!(!shows(&said), "{persona:?} is shown a secret by {call}");
            request.rollback().await?;
        }
    }
    Ok(())
}

pub async fn seeing_one_in_a_refusal(world: &World) -> Result<()> {
    connected(world).await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let open = MARK.repeat(9);
    // Of another worker's key, which is none of ours.
    let stranger = "AQAAAAAAAAAA".to_owned() + &"UEdDSEFUU0VDUkVU".repeat(9);
    for secret in [&open, &stranger, &format!("{stranger}=")] {
        for (token, app_secret) in [(secret.as_str(), "null"), ("null", secret.as_str())] {
            let quoted = |text: &str| match text {
                "null" => "null".to_owned(),
                text => format!("'{text}'"),
            };
            let call = format!(
                "select chat_save_whatsapp_number('{}', '778', '78', {}, {}, '2003')",
                world.a.site.id,
                quoted(token),
                quoted(app_secret)
            );
            let Err(error) = admin.execute(&call).await else {
                anyhow::bail!("it was taken as sealed");
            };
            let said = format!("{error:?}");
            ensure!(!shows(&said), "the refusal repeats it: {said}");
        }
    }
    Ok(())
}

pub async fn replacing_those_of_a_foreign_app(world: &World) -> Result<()> {
    connected(world).await?;
    let apps = "select string_agg(a::text, '; ' order by a.id) from chat.whatsapp_apps a where a.name = 'first'";
    let before = world.look(apps).await?;
    ensure!(
        before.contains("2002"),
        "there is no app to replace: {before}"
    );
    let mut admin = world.db.as_user(world.b.admin.user).await?;
    let call = format!(
        "select chat_save_whatsapp_number('{}', '779', '79', {SEALED}, {SEALED}, '2002')",
        world.b.site.id
    );
    // They may make an app of their own with the same id, which no webhook of the first is believed for.
    allowed(admin.execute(&call).await)?;
    let after = world.look(apps).await?;
    ensure!(after == before, "{before} became {after}");
    Ok(())
}
