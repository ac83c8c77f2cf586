//! The usual webhook, one text of a known person, takes a short path. It leaves the rows that the passes would leave, and
//! leaves alone whatever is not usual.

use anyhow::{Context, Result};
use chat_rules::whatsapp::{cut_runs, parse};
use pg_chat_tests::Number;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{self, image, text};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{Scene, YUKI, ZOE, id};

const WIM: &str = "15550100004";
const VAL: &str = "15550100005";

impl Scene {
    /// What the short path answers to one message; null when it left it to the passes.
    async fn plain(&self, message: &Value) -> Result<Value> {
        self.plain_to(&self.number, message).await
    }

    async fn plain_to(&self, number: &Number, message: &Value) -> Result<Value> {
        let body = webhook::body_of_messages(number, std::slice::from_ref(message));
        let run = cut_runs(parse(serde_json::to_string(&body)?.as_bytes())?)
            .pop()
            .context("a message makes a run")?;
        let item = serde_json::to_string(&run[0])?.replace('\'', "''");
        let answer = self
            .row(&format!(
                "select chat.receive_plain('{}', '{item}') as answer",
                number.app
            ))
            .await?;
        Ok(answer["answer"].clone())
    }

    /// Everything that a person's message has left: rows without ids, times and what other people's rows share.
    async fn left_by(&self, phone: &str) -> Result<Value> {
        self.row(&format!(
            "with me as (
                select c.*, v.total_messages, v.total_conversations
                from mod_chat_conversations c
                join chat.identity_aliases a on a.identity_id = c.identity_id and a.value = '{phone}'
                join mod_chat_visitors v on v.id = c.visitor_id),
            mine as (select m.* from mod_chat_messages m join me on me.id = m.conversation_id)
            select
                (select to_jsonb(me) - '{{id,visitor_id,identity_id,session_number,created_at,updated_at,pending_since}}'::text[]
                    from me) as conversation,
                (select jsonb_agg(replace(to_jsonb(m)::text, '{phone}', 'phone')::jsonb
                        - '{{id,conversation_id,sender_id,created_at,updated_at}}'::text[] order by seq)
                    from mine m) as messages,
                (select bool_and(m.sender_id = me.visitor_id::text) from mine m, me) as their_own,
                (select jsonb_agg(jsonb_build_array(e.name, m.seq) order by e.id)
                    from chat.events e join me on me.id = e.conversation_id left join mine m on m.id = e.message_id) as events,
                (select jsonb_agg(jsonb_build_array(split_part(b.topic, ':', 2), b.payload -> 'change', b.payload -> 'prev',
                        b.payload ->> 'type') order by b.payload -> 'change', b.topic)
                    from realtime.messages b join me on me.id::text = b.payload ->> 'conversation_id') as told,
                (select jsonb_agg(jsonb_build_array(j.kind, replace(j.payload ->> 'wamid', '{phone}', 'phone')))
                    from chat.jobs j join me on j.lane like '%' || me.identity_id) as jobs"
        ))
        .await
    }
}

#[tokio::test]
async fn one_message_alone_and_among_others_leave_the_same_rows() -> Result<()> {
    let scene = Scene::open().await?;
    let written = |phone: &str, wamid: &str, words: &str, at: &str| {
        let mut message = text(phone, &format!("{wamid}.{phone}"), words);
        message["timestamp"] = json!(at);
        message
    };
    for phone in [ZOE, YUKI] {
        scene
            .hear(&[written(phone, "wamid.first", "Hello", "1763712000")])
            .await?;
    }
    let second = |phone: &str| written(phone, "wamid.second", "Anybody there?", "1763713000");
    assert_eq!(
        scene.plain(&second(ZOE)).await?,
        json!({"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 1})
    );
    scene
        .hear(&[second(YUKI), text(WIM, "wamid.wim", "Hello")])
        .await?;

    assert_eq!(scene.left_by(ZOE).await?, scene.left_by(YUKI).await?);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn whatever_is_not_usual_is_left_to_the_passes_untouched() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let closed = scene.visit(YUKI).await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set status = 'closed' where id = {}",
            id(&closed)
        ))
        .await?;
    let waiting = scene.visit(VAL).await?;
    scene.patch(ada, &waiting, "status = 'waiting'").await?;
    let before = scene.again(&chat).await?;

    let mut quote = text(ZOE, "wamid.quote", "That one");
    quote["context"] = json!({"id": format!("wamid.visit.{ZOE}"), "from": "15550783881"});
    let mut late = text(ZOE, "wamid.late", "Sent before");
    late["timestamp"] = json!("1500000000");
    let mut with_user_id = text(ZOE, "wamid.both", "Now with both ids");
    with_user_id["from_user_id"] = json!("US.13491208655302741918");
    for (what, message) in [
        ("a person nobody knows", text(WIM, "wamid.new", "Hello")),
        (
            "a person whose chat is closed",
            text(YUKI, "wamid.closed", "Hello again"),
        ),
        (
            "an answer that was waited for",
            text(VAL, "wamid.answer", "Here it is"),
        ),
        ("a picture", image(ZOE, "wamid.image", "Look")),
        ("a quote", quote),
        ("an older message that comes late", late),
        (
            "a repetition",
            text(ZOE, &format!("wamid.visit.{ZOE}"), "Hello"),
        ),
        ("an id that is new beside a known one", with_user_id),
    ] {
        assert_eq!(scene.plain(&message).await?, Value::Null, "{what}");
    }
    assert_eq!(scene.again(&chat).await?, before);
    assert_eq!(scene.count("mod_chat_messages").await?, 3);
    assert_eq!(scene.count("chat.identity_aliases").await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_text_for_a_number_that_its_app_may_not_take_is_left_to_the_passes() -> Result<()> {
    let scene = Scene::open().await?;
    scene.visit(ZOE).await?;
    let hello = text(ZOE, "wamid.2", "Hello");
    let of_another_app = Number {
        app: Uuid::nil(),
        ..scene.number.clone()
    };
    assert_eq!(scene.plain_to(&of_another_app, &hello).await?, Value::Null);
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    assert_eq!(scene.plain(&hello).await?, Value::Null);
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_pair_of_ids_is_usual_from_its_second_message_on() -> Result<()> {
    let scene = Scene::open().await?;
    let both = |wamid: &str| {
        let mut message = text(ZOE, wamid, "Hello");
        message["from_user_id"] = json!("US.13491208655302741918");
        message
    };
    scene.hear(&[both("wamid.1")]).await?;
    assert_eq!(scene.plain(&both("wamid.2")).await?["stored"], 1);
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_counters_equal_recount(&scene.db).await
}
