//! Who may not write: people on every channel, addresses, until somebody takes it back or it ends.

use anyhow::Result;
use pg_chat_tests::{Refusal, Session};
use serde_json::{Value, json};
use uuid::Uuid;

use super::said;
use crate::scene::{Scene, YUKI, ZOE};

fn visitor_of(chat: &Value) -> Uuid {
    serde_json::from_value(chat["visitor_id"].clone()).expect("a conversation has a visitor")
}

async fn is_blocked(scene: &Scene, visitor: Option<Uuid>, address: &str) -> Result<Value> {
    let visitor = visitor.map_or("null".to_owned(), |id| format!("'{id}'"));
    Ok(scene
        .row(&format!(
            "select chat.is_blocked('{}', {visitor}, {address}) as it",
            scene.site.id
        ))
        .await?["it"]
        .clone())
}

#[tokio::test]
async fn a_blocked_person_loses_their_open_chat_and_begins_no_other() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    let visitor = visitor_of(&chat);
    let answer = scene
        .as_agent(
            ada,
            &format!("select chat_block_visitor('{visitor}', 'threats') as it"),
        )
        .await?;
    assert_eq!(answer[0]["it"]["closed_conversations"], 1);
    assert_eq!(scene.again(&chat).await?["status"], "closed");
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);

    scene.hear_text(ZOE, "wamid.blocked", "let me in").await?;
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_eq!(scene.count("mod_chat_messages").await?, 1);
    let refused = scene
        .row("select reason, item from chat.dead_letters")
        .await?;
    assert_eq!(refused["reason"], "sender_blocked");
    assert_eq!(refused["item"]["wamid"], "wamid.blocked");
    // Others write as before.
    scene.visit(YUKI).await?;

    let block = &answer[0]["it"]["block"].as_str().unwrap_or_default();
    scene
        .as_agent(ada, &format!("select chat_unblock('{block}')"))
        .await?;
    scene.hear_text(ZOE, "wamid.back", "thank you").await?;
    assert_ne!(
        scene.message("wamid.back").await?["conversation_id"],
        chat["id"]
    );
    Ok(())
}

#[tokio::test]
async fn a_block_holds_for_every_row_of_a_person() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    let (phone, home) = (visitor_of(&chat), scene.site.visitor("Zoe at home").await?);
    scene
        .as_boss(&format!("select chat_merge_visitors('{home}', '{phone}')"))
        .await?;
    scene
        .boss_gets(&format!("chat_block_visitor('{home}')"))
        .await?;
    assert_eq!(scene.again(&chat).await?["status"], "closed");
    assert_eq!(is_blocked(&scene, Some(phone), "null").await?, true);
    assert_eq!(
        scene.boss_gets(&format!("chat_person('{phone}')")).await?["blocked"],
        true
    );
    let other = scene.site.visitor("Somebody").await?;
    assert_eq!(is_blocked(&scene, Some(other), "null").await?, false);
    Ok(())
}

#[tokio::test]
async fn a_block_ends_by_itself() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    scene
        .boss_gets(&format!(
            "chat_block_visitor('{zoe}', 'for today', now() + interval '1 day')"
        ))
        .await?;
    let at = |when: &str| {
        format!(
            "select chat.is_blocked('{}', '{zoe}', null, now() + interval '{when}') as it",
            scene.site.id
        )
    };
    assert_eq!(scene.row(&at("23 hours")).await?["it"], true);
    assert_eq!(scene.row(&at("25 hours")).await?["it"], false);
    assert_eq!(
        scene
            .boss_is_refused(&format!(
                "select chat_block_visitor('{zoe}', null, now() - interval '1 second')"
            ))
            .await,
        said("PT422", "chat/block_over")
    );
    // Blocked again, for good: the newer word counts.
    scene
        .boss_gets(&format!("chat_block_visitor('{zoe}')"))
        .await?;
    assert_eq!(scene.row(&at("9 years")).await?["it"], true);
    let list = scene
        .boss_gets(&format!("chat_blocks('{}')", scene.site.id))
        .await?;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(list[0]["visitor_name"], "Zoe");
    assert_eq!(list[0]["active"], true);
    Ok(())
}

#[tokio::test]
async fn addresses_and_networks_are_blocked_by_list_and_by_settings() -> Result<()> {
    let scene = Scene::open().await?;
    let site = scene.site.id;
    for address in ["198.51.100.7", " 203.0.113.9/24", "2001:db8::/32"] {
        scene
            .boss_gets(&format!(
                "chat_block_address('{site}', '{address}', 'bots')"
            ))
            .await?;
    }
    scene
        .as_boss(&format!(
            "insert into mod_chat_widget_settings (site_id, blocked_ips) values ('{site}', '{{192.0.2.1,192.0.2.128/25}}') returning id"
        ))
        .await?;
    for (address, blocked) in [
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("203.0.113.250", true),
        ("2001:db8:1::1", true),
        ("2001:db9::1", false),
        ("192.0.2.1", true),
        ("192.0.2.2", false),
        ("192.0.2.200", true),
    ] {
        assert_eq!(
            is_blocked(&scene, None, &format!("'{address}'")).await?,
            blocked,
            "{address}"
        );
    }
    assert_eq!(is_blocked(&scene, None, "null").await?, false);
    Ok(())
}

#[tokio::test]
async fn what_is_no_address_or_half_the_internet_is_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let site = scene.site.id;
    for (address, code) in [
        ("example.org", "chat/invalid_address"),
        ("203.0.113.9:443", "chat/invalid_address"),
        ("", "chat/invalid_address"),
        ("0.0.0.0/0", "chat/network_too_wide"),
        ("::/0", "chat/network_too_wide"),
    ] {
        assert_eq!(
            scene
                .boss_is_refused(&format!("select chat_block_address('{site}', '{address}')"))
                .await,
            said("PT422", code),
            "{address}"
        );
    }
    assert_eq!(
        scene
            .boss_is_refused(&format!(
                "select chat_block_address('{site}', '192.0.2.1', repeat('x', 501))"
            ))
            .await,
        said("PT422", "chat/too_long")
    );
    assert_eq!(
        scene
            .boss_is_refused(&format!(
                "insert into mod_chat_widget_settings (site_id, blocked_ips) values ('{site}', '{{localhost}}') returning id"
            ))
            .await,
        said("PT422", "chat/invalid_address")
    );
    assert_eq!(
        scene
            .boss_is_refused(&format!("select chat_unblock('{}')", Uuid::new_v4()))
            .await,
        said("PT404", "chat/no_such_block")
    );
    Ok(())
}

/// Rows of an adopted database were never checked; they must not stop anybody from anything.
#[tokio::test]
async fn settings_that_hold_nonsense_block_nobody() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .as_owner("alter table mod_chat_widget_settings disable trigger _300_blocked_ips")
        .await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, blocked_ips) values ('{}', '{{nonsense,192.0.2.1}}')",
            scene.site.id
        ))
        .await?;
    assert_eq!(is_blocked(&scene, None, "'192.0.2.1'").await?, true);
    assert_eq!(is_blocked(&scene, None, "'192.0.2.2'").await?, json!(false));
    Ok(())
}

/// Opens or renews a session with this key; the answer.
async fn open(scene: &Scene, key: Option<&str>) -> Result<Value, sqlx::Error> {
    let mut anon = scene
        .db
        .as_anon()
        .await
        .map_err(|error| sqlx::Error::Configuration(error.into()))?;
    let key = key.map_or("null".to_owned(), |key| format!("'{key}'"));
    let site = scene.site.id;
    let mut rows = anon
        .rows(&format!("select chat_open_session('{site}', {key}) as it"))
        .await?;
    Ok(rows.pop().map_or(Value::Null, |mut row| row["it"].take()))
}

/// What a page turned with this session's token meets.
async fn turns_a_page(scene: &Scene, session: &Session) -> Result<(), sqlx::Error> {
    let claims = session
        .claims()
        .map_err(|error| sqlx::Error::Configuration(error.into()))?;
    let mut visitor = scene
        .db
        .as_caller("anon", claims)
        .await
        .map_err(|error| sqlx::Error::Configuration(error.into()))?;
    visitor.rows("select chat_set_page('{}')").await?;
    Ok(())
}

#[tokio::test]
async fn a_blocked_visitor_is_out_at_once_and_is_themselves_again_when_forgiven() -> Result<()> {
    let scene = Scene::open().await?;
    let (zoe, other) = (
        scene.site.session(&scene.db).await?,
        scene.site.session(&scene.db).await?,
    );
    let blocked = scene
        .boss_gets(&format!("chat_block_visitor('{}')", zoe.visitor))
        .await?;
    assert_eq!(blocked["ended_sessions"], 1);
    let dead = Refusal::expect(turns_a_page(&scene, &zoe).await);
    assert_eq!(dead.detail.as_deref(), Some("chat/session_dead"));
    let refused = Refusal::expect(open(&scene, Some(&zoe.key)).await);
    assert_eq!(
        (refused.sqlstate.as_str(), refused.detail.as_deref()),
        ("PT403", Some("chat/blocked"))
    );
    turns_a_page(&scene, &other).await?;

    scene
        .boss_gets(&format!(
            "chat_unblock({})",
            blocked["block"].to_string().replace('"', "'")
        ))
        .await?;
    let back = Session::of(&open(&scene, Some(&zoe.key)).await?)?;
    assert_eq!((back.id, back.visitor), (zoe.id, zoe.visitor));
    turns_a_page(&scene, &back).await?;
    Ok(())
}

#[tokio::test]
async fn a_blocked_address_is_out_at_once() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    let answer = scene
        .boss_gets(&format!(
            "chat_block_address('{}', '127.0.0.0/8')",
            scene.site.id
        ))
        .await?;
    assert_eq!(answer["ended_sessions"], 1);
    let dead = Refusal::expect(turns_a_page(&scene, &zoe).await);
    assert_eq!(dead.detail.as_deref(), Some("chat/session_dead"));
    for key in [None, Some(zoe.key.as_str())] {
        let refused = Refusal::expect(open(&scene, key).await);
        assert_eq!(refused.detail.as_deref(), Some("chat/blocked"));
    }
    Ok(())
}
