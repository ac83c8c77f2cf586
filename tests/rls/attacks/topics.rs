//! Topics of Realtime, asked about as Realtime asks: a row that it inserts and looks at, and rolls back.

use anyhow::{Result, ensure};
use pg_chat_tests::Caller;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::personas::Persona;
use crate::world::World;

super::held_off!(
    hearing_what_is_not_ones_own,
    hearing_with_a_token_that_is_over,
    hearing_beyond_a_limit,
    speaking_where_the_database_does,
    typing_in_a_foreign_chat,
    typing_without_the_right_to_answer,
    being_present_at_a_foreign_site,
    rows_of_another_topic,
    a_word_for_another_topic,
    tokens_and_topics_that_make_no_sense,
);

/// What somebody does on a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Hears,
    Speaks,
}

/// Whether a policy lets them. An error that is no refusal is one of ours.
async fn may(
    world: &World,
    caller: &Caller,
    deed: Deed,
    topic: &str,
    extension: &str,
) -> Result<bool> {
    let mut transaction = world.db.superuser().begin().await?;
    // The world's own broadcasts stand beside it.
    let id = Uuid::new_v4();
    let probe = format!(
        "insert into realtime.messages (id, topic, extension) values ('{id}', '{topic}', '{extension}')"
    );
    if deed == Deed::Hears {
        sqlx::query(AssertSqlSafe(probe.as_str()))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query("select set_config('realtime.topic', $1, true)")
        .bind(topic)
        .execute(&mut *transaction)
        .await?;
    caller.begin_as_superuser(&mut transaction).await?;
    if deed == Deed::Hears {
        let seen: i64 = sqlx::query_scalar("select count(*) from realtime.messages where id = $1")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        return Ok(seen == 1);
    }
    match sqlx::query(AssertSqlSafe(probe))
        .execute(&mut *transaction)
        .await
    {
        Ok(_) => Ok(true),
        Err(error) => {
            super::refused(Err::<(), _>(error), "42501")?;
            Ok(false)
        }
    }
}

async fn hears(world: &World, who: Persona, topic: &str) -> Result<bool> {
    may(world, &who.caller(world)?, Deed::Hears, topic, "broadcast").await
}

/// Who hears what of site A.
pub async fn hearing_what_is_not_ones_own(world: &World) -> Result<()> {
    use Persona::*;
    let a = &world.a;
    let (site, chat) = (
        format!("chat:site:{}", a.site.id),
        format!("chat:conversation:{}", a.conversation),
    );
    let visitor_topic = format!("chat:visitor:{}", a.visitor);
    let typing = format!("chat:typing:{}", a.conversation);
    let staff = [Agent, Supervisor, Admin, Owner, AgencyAdmin];
    for who in Persona::ALL {
        if matches!(who, ServiceRole | Worker) {
            continue;
        }
        for (topic, expected) in [
            (&site, staff.contains(&who)),
            (&chat, staff.contains(&who)),
            (&visitor_topic, who == Visitor),
            (&typing, who == Visitor || staff.contains(&who)),
        ] {
            let heard = hears(world, who, topic).await?;
            ensure!(heard == expected, "{who:?} hears {topic}: {heard}");
        }
    }
    Ok(())
}

pub async fn hearing_with_a_token_that_is_over(world: &World) -> Result<()> {
    let topic = format!("chat:visitor:{}", world.a.visitor);
    ensure!(
        hears(world, Persona::Visitor, &topic).await?,
        "a live session hears its topic"
    );
    world
        .as_owner("update chat.sessions set ended_at = now(), ended_why = 'visitor'")
        .await?;
    ensure!(
        !hears(world, Persona::Visitor, &topic).await?,
        "a session that is over hears its topic"
    );
    Ok(())
}

/// Whoever sees own chats only hears no other, by the conversation or by who types in it.
pub async fn hearing_beyond_a_limit(world: &World) -> Result<()> {
    for noun in ["conversation", "typing"] {
        let topic = format!("chat:{noun}:{}", world.c.conversation);
        ensure!(
            hears(world, Persona::Reader, &topic).await?,
            "who may view hears {topic}"
        );
        ensure!(
            !hears(world, Persona::Limited, &topic).await?,
            "a limited role hears {topic}"
        );
    }
    Ok(())
}

pub async fn speaking_where_the_database_does(world: &World) -> Result<()> {
    let a = &world.a;
    for (who, topic) in [
        (Persona::Admin, format!("chat:site:{}", a.site.id)),
        (
            Persona::Admin,
            format!("chat:conversation:{}", a.conversation),
        ),
        (Persona::Visitor, format!("chat:visitor:{}", a.visitor)),
        (Persona::Admin, format!("chat:presence:{}", a.site.id)),
    ] {
        let caller = who.caller(world)?;
        ensure!(
            !may(world, &caller, Deed::Speaks, &topic, "broadcast").await?,
            "{who:?} says something on {topic}"
        );
    }
    Ok(())
}

pub async fn typing_in_a_foreign_chat(world: &World) -> Result<()> {
    let topic = format!("chat:typing:{}", world.a.conversation);
    for (who, expected) in [
        (Persona::Agent, true),
        (Persona::Visitor, true),
        (Persona::Neighbour, false),
        (Persona::Customer, false),
        (Persona::Anon, false),
    ] {
        let caller = who.caller(world)?;
        let spoke = may(world, &caller, Deed::Speaks, &topic, "broadcast").await?;
        ensure!(spoke == expected, "{who:?} types: {spoke}");
    }
    let other = Caller::visitor(&world.b.session)?;
    ensure!(
        !may(world, &other, Deed::Speaks, &topic, "broadcast").await?,
        "another visitor types"
    );
    Ok(())
}

pub async fn typing_without_the_right_to_answer(world: &World) -> Result<()> {
    let topic = format!("chat:typing:{}", world.c.conversation);
    let reader = Persona::Reader.caller(world)?;
    ensure!(
        !may(world, &reader, Deed::Speaks, &topic, "broadcast").await?,
        "who may only view types"
    );
    Ok(())
}

/// Presence is of agents, on their site's topic; nowhere else anybody is shown.
pub async fn being_present_at_a_foreign_site(world: &World) -> Result<()> {
    let a = &world.a;
    let site = format!("chat:presence:{}", a.site.id);
    for deed in [Deed::Hears, Deed::Speaks] {
        for (who, expected) in [
            (Persona::Agent, true),
            (Persona::Owner, true),
            (Persona::Neighbour, false),
            (Persona::Visitor, false),
            (Persona::Customer, false),
            (Persona::Deactivated, false),
        ] {
            let caller = who.caller(world)?;
            let present = may(world, &caller, deed, &site, "presence").await?;
            ensure!(present == expected, "{who:?} is present: {present}");
        }
        for (who, topic) in [
            (Persona::Agent, format!("chat:typing:{}", a.conversation)),
            (Persona::Visitor, format!("chat:typing:{}", a.conversation)),
            (Persona::Visitor, format!("chat:visitor:{}", a.visitor)),
        ] {
            let caller = who.caller(world)?;
            ensure!(
                !may(world, &caller, deed, &topic, "presence").await?,
                "{who:?} is shown on {topic}"
            );
        }
    }
    Ok(())
}

/// A row is seen and written on the topic that was asked about, and nowhere else.
pub async fn rows_of_another_topic(world: &World) -> Result<()> {
    let a = &world.a;
    let mut transaction = world.db.superuser().begin().await?;
    let rows = format!(
        "insert into realtime.messages (topic, extension)
        values ('chat:typing:{}', 'broadcast'), ('chat:site:{}', 'broadcast'), ('other', 'broadcast')",
        a.conversation, a.site.id
    );
    sqlx::query(AssertSqlSafe(rows))
        .execute(&mut *transaction)
        .await?;
    let topic = format!("chat:typing:{}", a.conversation);
    for (asked, expected) in [(topic.as_str(), 1), ("", 0)] {
        let mut one = sqlx::Connection::begin(&mut *transaction).await?;
        sqlx::query("select set_config('realtime.topic', $1, true)")
            .bind(asked)
            .execute(&mut *one)
            .await?;
        Persona::Visitor
            .caller(world)?
            .begin_as_superuser(&mut one)
            .await?;
        let seen: i64 = sqlx::query_scalar("select count(*) from realtime.messages")
            .fetch_one(&mut *one)
            .await?;
        ensure!(seen == expected, "{seen} rows are seen from `{asked}`");
        one.rollback().await?;
    }
    Ok(())
}

/// Realtime asks with a row of the topic that somebody has joined; one of another topic is not said there.
pub async fn a_word_for_another_topic(world: &World) -> Result<()> {
    let topic = format!("chat:typing:{}", world.a.conversation);
    for (joined, expected) in [(topic.as_str(), true), ("other", false)] {
        let mut transaction = world.db.superuser().begin().await?;
        sqlx::query("select set_config('realtime.topic', $1, true)")
            .bind(joined)
            .execute(&mut *transaction)
            .await?;
        let visitor = Persona::Visitor.caller(world)?;
        visitor.begin_as_superuser(&mut transaction).await?;
        let said = sqlx::query(
            "insert into realtime.messages (topic, extension) values ($1, 'broadcast')",
        )
        .bind(&topic)
        .execute(&mut *transaction)
        .await;
        if expected {
            said?;
        } else {
            super::refused(said, "42501")?;
        }
    }
    Ok(())
}

/// None of these is an error, which would end up as somebody else's refusal.
pub async fn tokens_and_topics_that_make_no_sense(world: &World) -> Result<()> {
    let a = &world.a;
    let visitor = format!("chat:visitor:{}", a.visitor);
    let callers = [
        Caller::anon(),
        Caller::with("anon", json!({"role": "anon", "chat_session": 7})),
        Caller::with("anon", json!({"role": "anon", "chat_session": "x"})),
        Caller::with(
            "anon",
            json!({"role": "anon", "chat_session": Uuid::new_v4()}),
        ),
        Caller::with(
            "authenticated",
            json!({"role": "authenticated", "sub": "x"}),
        ),
        Caller::with("authenticated", json!({"role": "authenticated"})),
    ];
    for caller in &callers {
        let heard = may(world, caller, Deed::Hears, &visitor, "broadcast").await;
        ensure!(
            matches!(heard, Ok(false)),
            "{caller:?} hears {visitor}: {heard:?}"
        );
    }
    let owner = Persona::Owner.caller(world)?;
    let site = a.site.id;
    for topic in [
        "chat:site:",
        "chat:site:x",
        "chat::",
        "",
        &format!("chat:site:{site} "),
        &format!("CHAT:site:{site}"),
        &format!("chat:visitor:{site}:{site}"),
        &format!("chat:other:{site}"),
    ] {
        for extension in ["broadcast", "presence", "another"] {
            let heard = may(world, &owner, Deed::Hears, topic, extension).await;
            ensure!(
                matches!(heard, Ok(false)),
                "`{topic}` by {extension}: {heard:?}"
            );
        }
    }
    Ok(())
}
