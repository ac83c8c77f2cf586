//! Forgetting a person, the proof of it, and what is handed out of them before.

use anyhow::{Context, Result};
use pg_chat_tests::webhook::{image, text};
use pg_chat_tests::{Agent, Refusal, webhook};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use super::said;
use crate::scene::{Scene, YUKI, ZOE, id};
use crate::whatsapp::{phone_app::edited, reactions::reaction};

/// Zoe, known by her phone and by a second visitor, and everything that this issue keeps of somebody. Her visitor.
async fn known_all_over(scene: &Scene, ada: Agent) -> Result<Uuid> {
    let chat = scene.visit(ZOE).await?;
    let zoe: Uuid = serde_json::from_value(chat["visitor_id"].clone())?;
    let home = scene.site.visitor("Zoe Zebra").await?;
    scene
        .as_boss(&format!("select chat_merge_visitors('{home}', '{zoe}')"))
        .await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content, kind, file_url) values
                ({0}, 'visitor', 'zebra crossing', 'image', 'chat/{1}/zebra.png'),
                ({0}, 'agent', 'a zebra, says Ada', 'note', null)",
            id(&chat),
            scene.site.id
        ))
        .await?;
    scene.answer(ada, &chat, "Dear zebra").await?;
    scene
        .as_owner(&format!(
            "insert into chat.dead_letters (phone_number_id, reason, item)
            values ('{0}', 'field_not_handled', '{{\"raw\": {{\"from\": \"{ZOE}\"}}}}'),
                ('{0}', 'field_not_handled', '{{\"raw\": {{\"from\": \"15550100009\"}}}}')",
            scene.number.phone_number_id
        ))
        .await?;
    scene
        .as_owner(&format!(
            "insert into chat.orphan_statuses (site_id, wamid, status, at, item)
            values ('{}', 'wamid.nobody', 'read', now(), '{{\"recipient\": \"{ZOE}\"}}')",
            scene.site.id
        ))
        .await?;
    // The phone's address book has the number in another spelling; a group names them.
    let mut body = webhook::body_of(
        &scene.number,
        "smb_app_state_sync",
        json!({"state_sync": [{"type": "contact", "action": "add", "metadata": {"timestamp": "1760000000"},
            "contact": {"full_name": "Zebra Zoe", "phone_number": ZOE}}]}),
    );
    scene.take(&body).await?;
    body = webhook::body_of(
        &scene.number,
        "group_participants_update",
        json!({"groups": [{"group_id": "Y2hhdF8x", "type": "group_participants_add", "timestamp": "1760000000",
            "added_participants": [{"wa_id": ZOE}]}]}),
    );
    scene.take(&body).await?;
    scene
        .boss_gets(&format!("chat_block_visitor('{home}', 'zebra stripes')"))
        .await?;
    Ok(zoe)
}

/// Tables in which some text stands, by how many rows.
async fn traces(scene: &Scene, text: &str) -> Result<Vec<(String, i64)>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname in ('public', 'chat', 'realtime', 'auth') order by 1",
    )
    .fetch_all(scene.db.superuser())
    .await?;
    let mut found = Vec::new();
    for table in tables {
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
            "select count(*) from {table} t where position(lower($1) in lower(to_jsonb(t)::text)) > 0"
        )))
        .bind(text)
        .fetch_one(scene.db.superuser())
        .await?;
        if rows > 0 {
            found.push((table, rows));
        }
    }
    Ok(found)
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_but_the_proof() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = known_all_over(&scene, ada).await?;
    let stranger = scene.visit(YUKI).await?;
    for trace in [ZOE, "zebra", &zoe.to_string()] {
        assert!(
            traces(&scene, trace).await?.len() >= 2,
            "{trace} is nowhere"
        );
    }
    let proof = scene
        .boss_gets(&format!("chat_erase_visitor('{zoe}')"))
        .await?;
    assert_eq!(
        proof["counts"],
        json!({"visitors": 2, "identities": 1, "aliases": 1, "conversations": 1, "messages": 4, "attempts": 0,
            "choices": 1, "visits": 0, "page_views": 0, "sessions": 0, "blocks": 1, "orphan_statuses": 1, "dead_letters": 1,
            "phone_contacts": 1, "told_of_groups": 1, "files": 1, "jobs": 2,
            "contacts": 0, "activities": 0,
            "answered_by": {ada.id.to_string(): 1}})
    );
    assert_eq!(proof["erased_by"], json!(scene.site.owner));
    assert!(traces(&scene, ZOE).await?.is_empty());
    assert_eq!(
        traces(&scene, "zebra").await?,
        [("chat.file_deletions".to_owned(), 1)],
        "the file is still to be deleted"
    );
    // What Realtime holds for a few days is ids only, as in the proof.
    let left = traces(&scene, &zoe.to_string()).await?;
    assert!(
        left.iter()
            .all(|(table, _)| table == "chat.erasures" || table.starts_with("realtime.")),
        "{left:?}"
    );
    assert_eq!(scene.count("chat.erasures").await?, 1);
    assert_eq!(scene.again(&stranger).await?["message_count"], 1);
    pg_chat_tests::recount::assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_agents_room_is_free_again_when_their_chat_is_erased() -> Result<()> {
    let scene = Scene::open().await?;
    let is = pg_chat_tests::AgentIs {
        max: 1,
        ..pg_chat_tests::AgentIs::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    let first = scene.visit(ZOE).await?;
    let second = scene.visit(YUKI).await?;
    assert_eq!(second["status"], "pending");
    scene
        .boss_gets(&format!(
            "chat_erase_visitor('{}')",
            first["visitor_id"].as_str().context("visitor")?
        ))
        .await?;
    assert_eq!(
        scene.again(&second).await?["assigned_agent_id"],
        json!(ada.id)
    );
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    Ok(())
}

#[tokio::test]
async fn who_writes_after_being_erased_is_somebody_new() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = known_all_over(&scene, ada).await?;
    scene
        .boss_gets(&format!("chat_erase_visitor('{zoe}')"))
        .await?;
    scene.hear_text(ZOE, "wamid.afresh", "Hello").await?;
    let chat = scene.conversation_of(ZOE).await?;
    assert_ne!(chat["visitor_id"], json!(zoe));
    assert_eq!(
        chat["message_count"], 1,
        "neither blocked nor in an old conversation"
    );
    Ok(())
}

/// What Meta is told of a delivery that found a chat before it was erased: to bring it again, for nothing may be lost.
async fn brought_while_erased(scene: &Scene, chat: &Value, body: &Value) -> Result<()> {
    let zoe = chat["visitor_id"].as_str().context("visitor")?;
    let mut erasing = scene.db.owner().begin().await?;
    sqlx::query(AssertSqlSafe(format!("select chat.erase_person('{zoe}')")))
        .execute(&mut *erasing)
        .await?;
    let taken = scene.while_open(erasing, scene.take(body)).await?;
    let error = taken.err().context("it was taken for done")?;
    let refusal = error
        .downcast_ref::<sqlx::Error>()
        .and_then(Refusal::of)
        .with_context(|| format!("not a refusal: {error:#}"))?;
    assert_eq!(refusal.sqlstate, "40001", "the worker repeats these");
    assert_eq!(scene.count("mod_chat_messages").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_message_that_arrives_while_its_sender_is_erased_is_taken_at_the_next_delivery()
-> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    let picture = [image(ZOE, "wamid.meanwhile", "Still there?")];
    let body = webhook::body_of_messages(&scene.number, &picture);
    brought_while_erased(&scene, &chat, &body).await?;
    scene.take(&body).await?;
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_said_of_a_message_that_is_just_being_erased_is_taken_at_the_next_delivery()
-> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (number, people) = (&scene.number, json!([{"wa_id": ZOE}]));
    let echoes = json!({"contacts": people, "message_echoes": [edited("wamid.edit", "wamid.out", "Soon", 0)]});
    for body in [
        webhook::body_of_statuses(number, &[webhook::status(ZOE, "wamid.out", "read", "")]),
        webhook::body_of_messages(number, &[reaction("wamid.smile", "wamid.out", "🙂", 0)]),
        webhook::body_of(number, "smb_message_echoes", echoes),
    ] {
        let chat = scene.visit(ZOE).await?;
        scene.answer(ada, &chat, "Now").await?;
        scene.send("wamid.out").await?;
        brought_while_erased(&scene, &chat, &body).await?;
        scene.take(&body).await?;
    }
    Ok(())
}

/// A second change in one transaction looks at the keys again: whoever holds a chat must not wait for an erasing that
/// waits for that chat.
#[tokio::test]
async fn who_holds_a_chat_may_change_it_twice_while_an_erasing_waits_for_it() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    let zoe = chat["visitor_id"].as_str().context("visitor")?;
    let mut holds = scene.db.owner().begin().await?;
    let change = format!(
        "update mod_chat_conversations set priority = 'high' where id = {}",
        id(&chat)
    );
    holds.execute(AssertSqlSafe(change)).await?;
    let erase = format!("chat_erase_visitor('{zoe}')");
    let erases = scene.boss_gets(&erase);
    let changes = async {
        scene.until_waiting(1).await?;
        let again = format!(
            "set local lock_timeout = '1s'; update mod_chat_conversations set priority = 'low' where id = {}",
            id(&chat)
        );
        sqlx::raw_sql(AssertSqlSafe(again))
            .execute(&mut *holds)
            .await?;
        anyhow::Ok(holds.commit().await?)
    };
    let (erased, changed) = tokio::join!(erases, changes);
    changed.context("the change waited for the erasing")?;
    erased?;
    assert_eq!(scene.count("mod_chat_conversations").await?, 0);
    Ok(())
}

#[tokio::test]
async fn who_quotes_somebody_that_is_just_being_erased_is_heard_without_the_quote() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    let quoted = scene
        .row("select whatsapp_message_id as wamid from mod_chat_messages")
        .await?;
    let mut erases = scene.db.owner().begin().await?;
    let gone = format!(
        "delete from mod_chat_conversations where id = {}",
        id(&chat)
    );
    erases.execute(AssertSqlSafe(gone)).await?;
    let mut quoting = text("15550100077", "wamid.quoting", "Zoe wrote this");
    quoting["context"] = json!({"from": ZOE, "id": quoted["wamid"]});
    scene.while_open(erases, scene.hear(&[quoting])).await??;
    let heard = scene.message("wamid.quoting").await?;
    assert_eq!(heard["content"], "Zoe wrote this");
    assert_eq!(heard["reply_to_id"], Value::Null);
    assert_eq!(heard["metadata"]["context"]["wamid"], quoted["wamid"]);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_holds_a_job_of_an_erased_person_finds_it_gone() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.answer(ada, &chat, "Hello").await?;
    let jobs: Value = sqlx::query_scalar("select chat_claim_jobs(5)")
        .fetch_one(scene.db.as_worker())
        .await?;
    let send = jobs
        .as_array()
        .and_then(|jobs| {
            jobs.iter()
                .find(|job| job["kind"] == "whatsapp.send_message")
        })
        .context("no send was claimed")?;
    scene
        .boss_gets(&format!(
            "chat_erase_visitor('{}')",
            chat["visitor_id"].as_str().context("visitor")?
        ))
        .await?;
    let begun: Value = sqlx::query_scalar(
        "select chat_begin_attempt(($1 ->> 'job_id')::bigint, ($1 ->> 'lease_token')::uuid)",
    )
    .bind(send)
    .fetch_one(scene.db.as_worker())
    .await?;
    assert_eq!(
        (&begun["go"], &begun["state"]),
        (&json!(false), &json!("gone"))
    );
    assert_eq!(scene.count("chat.jobs").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_export_holds_what_erasing_would_take() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = known_all_over(&scene, ada).await?;
    scene.visit(YUKI).await?;
    let export = scene
        .boss_gets(&format!("chat_export_visitor('{zoe}')"))
        .await?;
    let names: Vec<_> = export["visitors"]
        .as_array()
        .context("visitors")?
        .iter()
        .map(|visitor| visitor["name"].clone())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&json!("Zoe Zebra")), "{names:?}");
    assert_eq!(export["identities"][0]["aliases"][0]["value"], ZOE);
    let messages = export["conversations"][0]["messages"]
        .as_array()
        .context("messages")?;
    let contents: Vec<_> = messages.iter().map(|m| m["content"].clone()).collect();
    assert_eq!(
        contents,
        ["Hello", "zebra crossing", "a zebra, says Ada", "Dear zebra"]
    );
    assert_eq!(export["blocks"][0]["reason"], "zebra stripes");
    assert_eq!(export["names_in_phones"][0]["name"], "Zebra Zoe");
    assert_eq!(export["groups"][0]["group"], "Y2hhdF8x");
    assert_eq!(export["waiting_items"][0]["wamid"], "wamid.nobody");
    let letters = export["dead_letters"].as_array().context("letters")?;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(!export.to_string().contains(YUKI));
    Ok(())
}

#[tokio::test]
async fn somebody_who_is_gone_or_never_was_is_said_to_be() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    scene
        .boss_gets(&format!("chat_erase_visitor('{zoe}')"))
        .await?;
    for call in [
        "chat_erase_visitor",
        "chat_export_visitor",
        "chat_person",
        "chat_block_visitor",
    ] {
        for visitor in [format!("'{zoe}'"), "null".to_owned()] {
            assert_eq!(
                scene
                    .boss_is_refused(&format!("select {call}({visitor})"))
                    .await,
                said("PT404", "chat/no_such_visitor"),
                "{call}"
            );
        }
    }
    Ok(())
}
