//! What visitors write and read.

use anyhow::{Result, ensure};
use pg_chat_tests::AgentIs;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{id, said};
use crate::scene::Scene;

#[tokio::test]
async fn a_visitors_first_message_opens_a_chat_that_an_agent_gets() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut zoe = scene.guest_without_form().await?;
    zoe.gets("chat_set_page('{\"url\": \"https://shop.example/cart\", \"title\": \"Cart\"}')")
        .await?;
    let message = zoe.writes("Hello").await?;
    assert_eq!(
        (&message["content"], &message["public_seq"]),
        (&json!("Hello"), &json!(1))
    );
    let chat = "select status, channel, assigned_agent_id, page_url, page_title, host(ip_address) as address,
        visitor_id, inbound_count, unread_agent_count from mod_chat_conversations";
    assert_eq!(
        scene.db.row(chat).await?,
        json!({"status": "active", "channel": "widget", "assigned_agent_id": ada.id,
            "page_url": "https://shop.example/cart", "page_title": "Cart", "address": "127.0.0.1",
            "visitor_id": zoe.session.visitor, "inbound_count": 1, "unread_agent_count": 1})
    );
    zoe.writes("Are you there?").await?;
    let mine = zoe.sees("select * from chat_my_conversations").await?;
    assert_eq!(mine.len(), 1);
    assert_eq!(
        (&mine[0]["agent_name"], &mine[0]["last_message_text"]),
        (&json!("Ada"), &json!("Are you there?"))
    );
    Ok(())
}

#[tokio::test]
async fn a_message_sent_twice_is_one_and_answers_the_same() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let post = format!("chat_post_message('Hello', '{}')", Uuid::new_v4());
    let (first, again) = (zoe.gets(&post).await?, zoe.gets(&post).await?);
    assert_eq!(first, again);
    scene
        .db
        .as_owner("update mod_chat_conversations set status = 'closed'")
        .await?;
    assert_eq!(zoe.gets(&post).await?["id"], first["id"]);
    assert_eq!(
        scene.db.count("mod_chat_conversations").await?,
        1,
        "a repetition opens nothing"
    );
    Ok(())
}

#[tokio::test]
async fn an_id_that_stands_elsewhere_is_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let mut max = scene.guest().await?;
    let hers = zoe.writes("Hello").await?["id"].clone();
    let post = format!(
        "chat_post_message('Mine', {})",
        hers.to_string().replace('"', "'")
    );
    assert_eq!(max.is_refused(&post).await, said("PT409", "chat/id_in_use"));
    Ok(())
}

#[tokio::test]
async fn visitors_never_see_notes_or_hidden_names() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut zoe = scene.guest_without_form().await?;
    let home = id(&zoe.writes("Hello").await?["conversation_id"])?;
    let desk = scene.db.desk(ada);
    desk.answer(home, "Hi Zoe").await?;
    desk.rows(&format!(
        "insert into mod_chat_messages (conversation_id, content, is_internal_note) values ('{home}', 'rude', true) returning id"
    ))
    .await?;
    let seen = "select public_seq, content, sender_name from chat_my_messages order by public_seq";
    assert_eq!(
        zoe.sees(seen).await?,
        [
            json!({"public_seq": 1, "content": "Hello", "sender_name": null}),
            json!({"public_seq": 2, "content": "Hi Zoe", "sender_name": "Ada"}),
        ]
    );
    scene
        .set("show_agent_name = false, company_name = 'Shop'")
        .await?;
    assert_eq!(zoe.sees(seen).await?[1]["sender_name"], "Shop");
    assert_eq!(
        zoe.sees("select agent_name, has_agent from chat_my_conversations")
            .await?,
        [json!({"agent_name": null, "has_agent": true})]
    );
    let all = serde_json::to_string(&(
        zoe.sees("select * from chat_my_messages").await?,
        zoe.sees("select * from chat_my_conversations").await?,
    ))?;
    for hidden in ["rude", "Ada", &ada.id.to_string(), &ada.user.to_string()] {
        ensure!(!all.contains(hidden), "{hidden} is seen");
    }
    Ok(())
}

#[tokio::test]
async fn two_visitors_never_see_each_other() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let mut max = scene.guest().await?;
    let hers = zoe.writes("My secret").await?;
    max.writes("Mine").await?;
    for view in ["chat_my_messages", "chat_my_conversations"] {
        let rows = max.sees(&format!("select * from {view}")).await?;
        assert_eq!(rows.len(), 1, "{rows:?}");
    }
    let conversation = hers["conversation_id"].as_str().unwrap_or_default();
    let into_hers = format!("chat_post_message('Hi', gen_random_uuid(), '{conversation}')");
    assert_eq!(
        max.is_refused(&into_hers).await,
        said("PT404", "chat/no_such_conversation")
    );
    let quoting = format!(
        "chat_post_message('Hi', gen_random_uuid(), null, '{}')",
        hers["id"].as_str().unwrap_or_default()
    );
    assert_eq!(
        max.is_refused(&quoting).await,
        said("PT404", "chat/no_such_message")
    );
    Ok(())
}

#[tokio::test]
async fn a_chat_that_ended_is_reopened_or_followed_by_a_new_one() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let first = zoe.writes("Hello").await?["conversation_id"].clone();
    scene
        .db
        .as_owner("update mod_chat_conversations set status = 'missed'")
        .await?;
    let into_it = format!(
        "chat_post_message('x', gen_random_uuid(), {})",
        first.to_string().replace('"', "'")
    );
    assert_eq!(
        zoe.is_refused(&into_it).await,
        said("PT409", "chat/conversation_not_open")
    );
    assert_eq!(zoe.writes("Still there?").await?["conversation_id"], first);
    scene
        .db
        .as_owner("update mod_chat_conversations set status = 'closed'")
        .await?;
    let second = zoe.writes("Something else").await?["conversation_id"].clone();
    ensure!(second != first, "a closed chat goes on");
    assert_eq!(
        zoe.sees("select id from chat_my_conversations")
            .await?
            .len(),
        2
    );
    Ok(())
}

#[tokio::test]
async fn words_have_a_length() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    for words in ["''", "'  '", "null", "repeat('x', 10001)"] {
        assert_eq!(
            zoe.is_refused(&format!("chat_post_message({words})")).await,
            said("PT422", "chat/text_length")
        );
    }
    let message = zoe.gets("chat_post_message(repeat('é', 10000))").await?;
    assert_eq!(message["public_seq"], 1);
    Ok(())
}

#[tokio::test]
async fn who_writes_too_fast_waits_whoever_else_writes() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("messages_per_minute = 2, address_messages_per_minute = 3")
        .await?;
    let mut zoe = scene.guest_without_form().await?;
    for words in ["one", "two"] {
        zoe.writes(words).await?;
    }
    let third = zoe.gets("chat_post_message('three')").await?;
    assert_eq!(
        (&third["code"], &third["details"]),
        (&json!("PT429"), &json!("chat/too_many"))
    );
    // The third from this address was counted although it was not taken.
    let max = scene.guest().await?.gets("chat_post_message('me')").await?;
    assert_eq!(max["details"], "chat/too_many", "{max}");
    assert_eq!(scene.db.count("mod_chat_messages").await?, 2);
    Ok(())
}

#[tokio::test]
async fn somebody_blocked_writes_no_more_and_comes_back_by_no_key() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    zoe.writes("Hello").await?;
    scene
        .boss_gets(&format!("chat_block_visitor('{}')", zoe.session.visitor))
        .await?;
    assert_eq!(
        zoe.is_refused("chat_post_message('again')").await,
        said("PT401", "chat/session_dead")
    );
    let open = format!(
        "chat_open_session('{}', '{}')",
        scene.site.id, zoe.session.key
    );
    assert_eq!(zoe.is_refused(&open).await, said("PT403", "chat/blocked"));
    Ok(())
}

#[tokio::test]
async fn an_erased_visitors_token_is_dead() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    zoe.writes("Hello").await?;
    scene
        .boss_gets(&format!("chat_erase_visitor('{}')", zoe.session.visitor))
        .await?;
    assert_eq!(
        zoe.is_refused("chat_post_message('again')").await,
        said("PT401", "chat/session_dead")
    );
    Ok(())
}

#[tokio::test]
async fn ten_tabs_of_one_visitor_open_one_chat() -> Result<()> {
    let scene = Scene::open().await?;
    scene.site.agent("Ada", AgentIs::default()).await?;
    let zoe = scene.guest_without_form().await?;
    let mut tabs = Vec::new();
    for tab in 0..10 {
        let mut person = scene.db.as_visitor(&zoe.session).await?;
        tabs.push(tokio::spawn(async move {
            person
                .rows(&format!("select chat_post_message('tab {tab}') as answer"))
                .await
        }));
    }
    let mut homes: Vec<Value> = Vec::new();
    for tab in tabs {
        homes.push(tab.await??[0]["answer"]["conversation_id"].clone());
    }
    homes.dedup();
    assert_eq!(homes.len(), 1, "{homes:?}");
    let counted = scene
        .db
        .row("select last_public_seq, message_count, inbound_count from mod_chat_conversations")
        .await?;
    assert_eq!(
        counted,
        json!({"last_public_seq": 10, "message_count": 10, "inbound_count": 10})
    );
    Ok(())
}
