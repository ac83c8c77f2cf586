//! Apps and numbers of different sites: a number receives and sends for the one site that Graph confirmed it for, and
//! only what its own app signed.

use anyhow::{Result, bail, ensure};
use pg_chat_tests::Number;
use pg_chat_tests::webhook::{self, text};
use serde_json::{Value, json};
use uuid::Uuid;

use super::refused;
use crate::world::{House, World};

super::held_off!(
    an_app_that_signs_for_a_foreign_number,
    a_number_not_confirmed,
    a_number_confirmed_twice,
    sending_after_disconnection,
    the_queue_of_a_number_that_one_claims
);

/// Makes an app, an account and a claimed number known, as the worker does at its start.
pub async fn register(
    world: &World,
    house: &House,
    app: &str,
    phone_number_id: &str,
) -> Result<Value> {
    Ok(register_raw(world, house, app, phone_number_id).await?)
}

async fn register_raw(
    world: &World,
    house: &House,
    app: &str,
    phone_number_id: &str,
) -> Result<Value, sqlx::Error> {
    sqlx::query_scalar("select chat_register_whatsapp($1, $2, $3, $4, 'v26.0', $1)")
        .bind(app)
        .bind(house.site.id)
        .bind(format!("{app}-waba"))
        .bind(phone_number_id)
        .fetch_one(world.db.as_worker())
        .await
}

async fn confirm(world: &World, known: &Value) -> Result<Value> {
    let said = sqlx::query_scalar("select chat_confirm_number(($1 ->> 'number')::uuid, '{}')")
        .bind(known)
        .fetch_one(world.db.as_worker())
        .await?;
    Ok(said)
}

fn number(known: &Value, app: &str, phone_number_id: &str) -> Result<Number> {
    let id = |key: &str| -> Result<Uuid> { Ok(serde_json::from_value(known[key].clone())?) };
    Ok(Number {
        phone_number_id: phone_number_id.to_owned(),
        waba_id: format!("{app}-waba"),
        app: id("app")?,
        account: id("account")?,
    })
}

/// A confirmed number of a site, and the app of its own that signs for it.
pub async fn connect(
    world: &World,
    house: &House,
    app: &str,
    phone_number_id: &str,
) -> Result<Number> {
    let known = register(world, house, app, phone_number_id).await?;
    let said = confirm(world, &known).await?;
    ensure!(
        said["confirmed"] == true,
        "the number was not confirmed: {said}"
    );
    number(&known, app, phone_number_id)
}

/// Errs unless a message was put aside with this reason and nothing else came of it.
async fn only_a_dead_letter(world: &World, answers: &[Value], reason: &str) -> Result<()> {
    ensure!(answers.len() == 1, "{} runs", answers.len());
    let kept = json!({"stored": 0, "duplicate": 0, "dead": 1, "enqueued": 0});
    ensure!(answers[0] == kept, "the database answered {}", answers[0]);
    let reasons = world
        .look("select string_agg(reason, ' ') from chat.dead_letters")
        .await?;
    ensure!(reasons == reason, "put aside for {reasons}");
    let people = world
        .look("select count(*) from chat.identity_aliases")
        .await?;
    let messages = world
        .look("select count(*) from mod_chat_messages where whatsapp_message_id is not null")
        .await?;
    ensure!(
        people == "0" && messages == "0",
        "{people} people and {messages} messages came of it"
    );
    Ok(())
}

pub async fn an_app_that_signs_for_a_foreign_number(world: &World) -> Result<()> {
    let first = connect(world, &world.a, "first", "777").await?;
    let second = connect(world, &world.b, "second", "888").await?;
    let forged = Number {
        app: second.app,
        ..first
    };
    let answers =
        webhook::receive(&world.db, &forged, &[text("15550001", "wamid.1", "Hi")]).await?;
    only_a_dead_letter(world, &answers, "unknown_number").await
}

pub async fn a_number_not_confirmed(world: &World) -> Result<()> {
    let known = register(world, &world.a, "first", "777").await?;
    let claimed = number(&known, "first", "777")?;
    let answers =
        webhook::receive(&world.db, &claimed, &[text("15550001", "wamid.1", "Hi")]).await?;
    only_a_dead_letter(world, &answers, "unknown_number").await
}

/// Two sites may claim a number; whoever's token Graph answers first has it.
pub async fn a_number_confirmed_twice(world: &World) -> Result<()> {
    let late = register(world, &world.b, "second", "777").await?;
    let first = connect(world, &world.a, "first", "777").await?;
    let said = confirm(world, &late).await?;
    ensure!(
        said["confirmed"] == false && said["why"].is_string(),
        "the second claim was answered {said}"
    );
    refused(
        register_raw(world, &world.b, "second", "777").await,
        "PT409 chat/number_taken",
    )?;
    webhook::receive(&world.db, &first, &[text("15550001", "wamid.1", "Hi")]).await?;
    let site = world
        .look("select site_id from mod_chat_messages where whatsapp_message_id = 'wamid.1'")
        .await?;
    ensure!(
        site == world.a.site.id.to_string(),
        "the message went to {site}"
    );
    Ok(())
}

/// Somebody wrote to a number of site A, and the agent's "Hello" to them is to be sent.
async fn an_answer_waits(world: &World, number: &Number) -> Result<()> {
    webhook::receive(&world.db, number, &[text("15550001", "wamid.1", "Hi")]).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    agent
        .execute(
            "insert into mod_chat_messages (conversation_id, content)
            select id, 'Hello' from mod_chat_conversations where channel = 'whatsapp'",
        )
        .await?;
    Ok(())
}

pub async fn sending_after_disconnection(world: &World) -> Result<()> {
    let ours = connect(world, &world.a, "first", "777").await?;
    an_answer_waits(world, &ours).await?;
    world
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    let begun = begin_send(world).await?;
    ensure!(
        begun["go"] == false && begun["state"] == "failed",
        "the send was answered {begun}"
    );
    let state = world
        .look("select delivery_state from mod_chat_messages where content = 'Hello'")
        .await?;
    ensure!(state == "failed", "the message is {state}");
    Ok(())
}

/// Whoever claims a number that is another's is not told what waits to be sent by it.
pub async fn the_queue_of_a_number_that_one_claims(world: &World) -> Result<()> {
    let claimed = register(world, &world.b, "second", "777").await?;
    let theirs = connect(world, &world.a, "first", "777").await?;
    an_answer_waits(world, &theirs).await?;
    let mut admin = world.db.as_user(world.b.admin.user).await?;
    let id: Uuid = serde_json::from_value(claimed["number"].clone())?;
    let asked = format!("select chat_whatsapp_health('{id}') as health");
    let rows = admin.rows(&asked).await?;
    let queue = &rows[0]["health"]["queue"];
    ensure!(queue["waiting"] == 0, "the queue is told: {queue}");
    Ok(())
}

/// Claims the waiting send and begins its attempt. Gives what the database answered, with `job` as it was claimed.
pub async fn begin_send(world: &World) -> Result<Value> {
    let jobs: Value = sqlx::query_scalar("select chat_claim_jobs(10)")
        .fetch_one(world.db.as_worker())
        .await?;
    let job = jobs
        .as_array()
        .and_then(|jobs| {
            jobs.iter()
                .find(|job| job["kind"] == "whatsapp.send_message")
        })
        .cloned();
    let Some(job) = job else {
        bail!("no send waits: {jobs}")
    };
    let mut begun: Value = sqlx::query_scalar(
        "select chat_begin_attempt(($1 ->> 'job_id')::bigint, ($1 ->> 'lease_token')::uuid)",
    )
    .bind(&job)
    .fetch_one(world.db.as_worker())
    .await?;
    begun["job"] = job;
    Ok(begun)
}
