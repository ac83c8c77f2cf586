//! The endpoints of the WABA plan: its names, its shapes, its whole numbers; and a host's own tables of it.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal, Site};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use super::connecting::{KEY, SECOND, code, with_admin};
use crate::scene::{Scene, YUKI, ZOE, id, only};

const NUMBER: &str = "106540352242922";

impl Scene {
    /// The plan's list of conversations.
    async fn waba_list(&self, agent: Agent, rest: &str) -> Result<Vec<Value>> {
        let answer = self
            .ask(agent, &format!("chat_waba_conversations({rest})"))
            .await?;
        assert_eq!(answer["success"], true);
        Ok(serde_json::from_value(answer["conversations"].clone())?)
    }

    async fn waba_messages(&self, agent: Agent, conversation: &Value, rest: &str) -> Result<Value> {
        let call = format!("chat_waba_messages({conversation}{rest})");
        let answer = self.ask(agent, &call).await?;
        assert_eq!(answer["success"], true);
        Ok(answer["messages"].clone())
    }
}

fn refused(answer: Result<Value, sqlx::Error>) -> (String, String) {
    let refusal = Refusal::expect(answer);
    assert!(refusal.hint.is_some(), "{refusal:?}");
    (refusal.sqlstate, refusal.detail.unwrap_or_default())
}

#[tokio::test]
async fn a_dashboard_of_the_plan_lists_reads_and_answers() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.hear_text(ZOE, "wamid.1", "Hello!").await?;
    let conversation = scene.conversation_of(ZOE).await?;
    let listed = scene.waba_list(ada, "").await?;
    assert_eq!(
        only(
            &listed[0],
            "customer_phone customer_profile_pic last_message unread_count status uuid phone_number_id is_open earlier"
        ),
        json!({"customer_phone": format!("+{ZOE}"), "customer_profile_pic": null, "last_message": "Hello!", "unread_count": 1,
            "status": "active", "uuid": conversation["id"], "phone_number_id": NUMBER, "is_open": true, "earlier": 0})
    );
    let number = listed[0]["id"].clone();
    assert!(number.is_i64());
    let time = listed[0]["last_message_time"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");

    let read = scene.waba_messages(ada, &number, "").await?;
    assert_eq!(
        only(
            &read[0],
            "content message_type sender status wa_message_id conversation_id"
        ),
        json!({"content": "Hello!", "message_type": "text", "sender": "customer", "status": "delivered",
            "wa_message_id": "wamid.1", "conversation_id": number})
    );
    assert_eq!(
        read[0]["id"],
        json!(number.as_i64().unwrap() * 10_000_000 + 1)
    );

    let mine = "11111111-1111-4111-8111-111111111111";
    let send = format!(
        "chat_waba_send_message({number}, '{NUMBER}', '+1 (555) 010-0002', 'Hi Zoe', id => '{mine}')"
    );
    let sent = scene.ask(ada, &send).await?;
    assert_eq!(
        only(&sent["message"], "content sender status uuid"),
        json!({"content": "Hi Zoe", "sender": "user", "status": "sending", "uuid": mine})
    );
    assert_eq!(scene.ask(ada, &send).await?, sent, "sent once");
    assert_eq!(
        scene
            .waba_messages(ada, &number, "")
            .await?
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        1
    );

    let picture = format!(
        "chat_waba_send_message({number}, '{NUMBER}', '{ZOE}', 'See', 'image', 'https://example.org/a.jpg')"
    );
    let picture = scene.ask(ada, &picture).await?;
    assert_eq!(
        only(&picture["message"], "message_type media_url media_caption"),
        json!({"message_type": "image", "media_url": "https://example.org/a.jpg", "media_caption": "See"})
    );
    let nothing = format!("chat_waba_send_message({number}, '{NUMBER}', '{ZOE}', 'See', 'image')");
    assert_eq!(
        refused(scene.ask(ada, &nothing).await),
        ("PT422".to_owned(), "chat/file_missing".to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn a_body_that_names_somebody_else_sends_nothing() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.visit(ZOE).await?;
    let number = scene.waba_list(ada, "").await?[0]["id"].clone();
    let send = async |phone_number_id: &str, to: &str| {
        let call = format!("chat_waba_send_message({number}, {phone_number_id}, {to}, 'Hi')");
        refused(scene.ask(ada, &call).await)
    };
    let other = ("PT422".to_owned(), "chat/other_recipient".to_owned());
    assert_eq!(send(&format!("'{NUMBER}'"), "'+15550100003'").await, other);
    assert_eq!(send(&format!("'{NUMBER}'"), "null").await, other);
    let other = ("PT422".to_owned(), "chat/other_number".to_owned());
    assert_eq!(send("'777'", &format!("'{ZOE}'")).await, other);
    assert_eq!(send("null", &format!("'{ZOE}'")).await, other);
    assert_eq!(
        scene
            .count("public.mod_chat_messages where sender_type = 'agent'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn the_user_comes_from_the_token_and_sees_no_more_than_that() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.visit(ZOE).await?;
    let mine = format!("user_id => '{}'", ada.user);
    let number = scene.waba_list(ada, &mine).await?[0]["id"].clone();
    let foreign = "chat_waba_conversations(user_id => '11111111-1111-4111-8111-111111111111')";
    assert_eq!(
        refused(scene.ask(ada, foreign).await),
        ("PT403".to_owned(), "chat/not_allowed".to_owned())
    );
    let other = pg_chat_tests::Site::make(&scene.db).await?;
    let eve = other.agent("Eve", Default::default()).await?;
    assert!(scene.waba_list(eve, "").await?.is_empty());
    let unknown = ("PT404".to_owned(), "chat/no_such_conversation".to_owned());
    for call in [
        format!("chat_waba_messages({number})"),
        format!("chat_waba_send_message({number}, '{NUMBER}', '{ZOE}', 'Hi')"),
        "chat_waba_messages(null)".to_owned(),
    ] {
        assert_eq!(refused(scene.ask(eve, &call).await), unknown, "{call}");
    }
    for call in [
        "chat_waba_conversations(\"limit\" => 0)",
        "chat_waba_conversations(\"offset\" => -1)",
        "chat_waba_messages(1, \"limit\" => null)",
    ] {
        assert_eq!(
            refused(scene.ask(ada, call).await),
            ("PT422".to_owned(), "chat/page_size".to_owned())
        );
    }
    Ok(())
}

#[tokio::test]
async fn of_each_person_and_number_the_open_conversation_is_shown_else_the_last() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let first = scene.visit(ZOE).await?;
    let number = scene.waba_list(ada, "").await?[0]["id"].clone();
    scene.patch(ada, &first, "status = 'closed'").await?;
    let listed = scene.waba_list(ada, "").await?;
    assert_eq!(
        listed
            .iter()
            .map(|one| only(one, "id is_open earlier status"))
            .collect::<Vec<_>>(),
        [json!({"id": number, "is_open": false, "earlier": 0, "status": "closed"})],
        "the same number for the same conversation"
    );
    let call = format!("chat_waba_send_message({number}, '{NUMBER}', '{ZOE}', 'Hi')");
    assert_eq!(
        refused(scene.ask(ada, &call).await),
        ("PT409".to_owned(), "chat/conversation_not_open".to_owned())
    );

    scene.hear_text(ZOE, "wamid.again", "Me again").await?;
    let second = scene.conversation_of(ZOE).await?;
    assert_ne!(second["id"], first["id"]);
    let listed = scene.waba_list(ada, "").await?;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        only(&listed[0], "uuid is_open earlier"),
        json!({"uuid": second["id"], "is_open": true, "earlier": 1})
    );
    assert_ne!(listed[0]["id"], number);
    scene.patch(ada, &second, "status = 'closed'").await?;
    let listed = scene.waba_list(ada, "").await?;
    assert_eq!(
        listed
            .iter()
            .map(|one| only(one, "uuid is_open earlier"))
            .collect::<Vec<_>>(),
        [json!({"uuid": second["id"], "is_open": false, "earlier": 1})],
        "the last that ended"
    );
    Ok(())
}

#[tokio::test]
async fn a_list_asked_for_while_somebody_is_erased_leaves_them_out() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let gone = scene.visit(ZOE).await?;
    let stays = scene.visit(YUKI).await?;
    let mut erases = scene.db.owner().begin().await?;
    let erasing = format!(
        "delete from mod_chat_conversations where id = {}",
        id(&gone)
    );
    erases.execute(AssertSqlSafe(erasing)).await?;
    let listed = scene.while_open(erases, scene.waba_list(ada, "")).await??;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["uuid"], stays["id"]);
    Ok(())
}

#[tokio::test]
async fn pages_of_the_plan_go_by_limit_and_offset() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    for phone in ["15550100011", "15550100012", "15550100013"] {
        scene.visit(phone).await?;
    }
    // Meta's clock knows whole seconds.
    scene
        .as_owner(
            "update mod_chat_conversations c set last_message_at = clock_timestamp() - interval '1 second' * (20 - right(a.value, 2)::integer)
            from chat.identity_aliases a where a.identity_id = c.identity_id",
        )
        .await?;
    let all = scene.waba_list(ada, "").await?;
    assert_eq!(
        all.iter()
            .map(|one| one["customer_phone"].clone())
            .collect::<Vec<_>>(),
        ["+15550100013", "+15550100012", "+15550100011"]
    );
    assert_eq!(
        scene
            .waba_list(ada, "\"limit\" => 1, \"offset\" => 1")
            .await?,
        all[1..2]
    );
    assert_eq!(scene.waba_list(ada, &format!("'{NUMBER}'")).await?, all);
    assert!(scene.waba_list(ada, "'777'").await?.is_empty());

    let home = scene.conversation_of("15550100011").await?;
    for words in ["One", "Two"] {
        scene.answer(ada, &home, words).await?;
    }
    // Neither notes nor lines of the system are the plan's.
    scene
        .as_agent(
            ada,
            &format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content, is_internal_note)
            values ({}, 'agent', 'between us', true) returning id", id(&home)),
        )
        .await?;
    let number = all[2]["id"].clone();
    let words = async |rest: &str| -> Result<Vec<Value>> {
        let page = scene.waba_messages(ada, &number, rest).await?;
        Ok(page
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["content"].clone())
            .collect())
    };
    assert_eq!(words("").await?, ["Hello", "One", "Two"]);
    assert_eq!(words(", \"limit\" => 2").await?, ["One", "Two"]);
    assert_eq!(words(", \"limit\" => 2, \"offset\" => 2").await?, ["Hello"]);
    Ok(())
}

#[tokio::test]
async fn a_hosts_own_tables_are_taken_over_and_left_as_they_are() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let import = format!("chat_import_waba('{}')", scene.site.id);
    assert_eq!(code(scene.ask(eve, &import).await), "chat/no_waba_tables");
    let rival = Site::make(&scene.db).await?;
    rival.number(&scene.db, "444").await?;
    scene
        .as_owner(
            "create table public.waba_accounts (waba_id text primary key, user_id uuid, owner_business_id text,
                access_token text, created_at timestamptz default now())",
        )
        .await?;
    scene
        .as_owner(
            "create table public.phone_numbers (id serial primary key, waba_id text references waba_accounts,
                phone_number_id text, display_phone_number text, verified_name text, is_registered boolean)",
        )
        .await?;
    scene
        .as_owner(&format!(
            "insert into waba_accounts values ('77', '{user}', '500', 'encrypted by the host'),
                ('79', '{stranger}', '501', 'x'), ('not an id', '{user}', null, null)",
            user = eve.user,
            stranger = Uuid::new_v4(),
        ))
        .await?;
    scene
        .as_owner(&format!(
            "insert into phone_numbers (waba_id, phone_number_id, display_phone_number, verified_name, is_registered)
            values ('77', '{SECOND}', '+1 555-010-0009', 'Shop', true), ('77', '444', null, null, true),
                ('79', '555', null, null, true), ('not an id', '666', null, null, true)"
        ))
        .await?;
    let expected = json!({
        "accounts": 1, "numbers": 1, "tokens_needed": ["77"],
        "skipped": [{"phone_number_id": "444", "why": "chat/number_taken"}],
    });
    for _ in 0..2 {
        assert_eq!(
            scene.ask(eve, &import).await?,
            expected,
            "it can be repeated"
        );
    }
    let list = format!("chat_whatsapp_numbers('{}')", scene.site.id);
    let listed = scene.ask(eve, &list).await?;
    let imported = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["phone_number_id"] == SECOND)
        .unwrap();
    assert_eq!(
        only(imported, "state display_number verified_name waba_id"),
        json!({"state": "token_missing", "display_number": "+1 555-010-0009", "verified_name": "Shop", "waba_id": "77"})
    );
    let key = scene.publish_key(KEY).await?;
    let token = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '77', '{}')",
        scene.site.id,
        Scene::sealed(&key)
    );
    scene.ask(eve, &token).await?;
    assert_eq!(scene.count("public.waba_accounts").await?, 3);
    Ok(())
}
