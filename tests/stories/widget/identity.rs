//! Visitors whom the site's own server, or a Supabase login, vouches for.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::{Refusal, Session};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::said;
use crate::scene::Scene;

/// The site's key, and the call by which its page identifies a user.
async fn vouched(scene: &Scene, user: &str) -> Result<String> {
    let key = match scene
        .db
        .rows("select secret from vault.secrets")
        .await?
        .pop()
    {
        Some(row) => row["secret"].clone(),
        None => scene
            .boss_gets(&format!("chat_rotate_identity_key('{}')", scene.site.id))
            .await?["key"]
            .clone(),
    };
    let hash: String =
        sqlx::query_scalar("select encode(extensions.hmac($1::text, $2::text, 'sha256'), 'hex')")
            .bind(user)
            .bind(key.as_str().context("no key")?)
            .fetch_one(scene.db.owner())
            .await?;
    Ok(format!(
        "chat_identify('{user}', '{hash}', '{{\"name\": \"Zoe\"}}')"
    ))
}

#[tokio::test]
async fn a_user_of_the_site_finds_their_chats_at_another_browser() -> Result<()> {
    let scene = Scene::open().await?;
    let identify = vouched(&scene, "user-7").await?;
    let mut phone = scene.guest_without_form().await?;
    let answer = phone.gets(&identify).await?;
    assert_eq!(
        answer["visitor_id"],
        json!(phone.session.visitor),
        "the first time it is their own row"
    );
    phone.writes("From the phone").await?;

    let mut laptop = scene.guest().await?;
    assert_eq!(
        laptop.sees("select * from chat_my_messages").await?.len(),
        0
    );
    let answer = laptop.gets(&identify).await?;
    laptop.takes(&scene, &answer).await?;
    assert_eq!(laptop.session.visitor, phone.session.visitor);
    laptop.writes("From the laptop").await?;
    assert_eq!(
        phone
            .sees("select content from chat_my_messages order by public_seq")
            .await?
            .len(),
        2
    );
    assert_eq!(scene.db.count("mod_chat_conversations").await?, 1);
    assert_eq!(
        scene
            .db
            .row("select name, external_id from mod_chat_visitors where merged_into is null")
            .await?,
        json!({"name": "Zoe", "external_id": "user-7"})
    );
    Ok(())
}

#[tokio::test]
async fn a_chat_begun_without_a_name_goes_on_after_signing_in() -> Result<()> {
    let scene = Scene::open().await?;
    let identify = vouched(&scene, "user-7").await?;
    let mut old = scene.guest_without_form().await?;
    old.gets(&identify).await?;

    let mut zoe = scene.guest().await?;
    let anonymous = zoe.session.visitor;
    let begun = zoe.writes("Not signed in yet").await?["conversation_id"].clone();
    let answer = zoe.gets(&identify).await?;
    zoe.takes(&scene, &answer).await?;
    assert_eq!(
        answer["topics"],
        json!([
            format!("chat:visitor:{}", old.session.visitor),
            format!("chat:visitor:{anonymous}")
        ])
    );
    assert_eq!(zoe.writes("Signed in").await?["conversation_id"], begun);
    assert_eq!(old.sees("select * from chat_my_messages").await?.len(), 2);
    let merged = format!("select merged_into from mod_chat_visitors where id = '{anonymous}'");
    assert_eq!(
        scene.db.row(&merged).await?,
        json!({"merged_into": old.session.visitor}),
        "agents see one person"
    );
    Ok(())
}

#[tokio::test]
async fn two_chats_that_were_going_on_both_stay() -> Result<()> {
    let scene = Scene::open().await?;
    let identify = vouched(&scene, "user-7").await?;
    let mut old = scene.guest_without_form().await?;
    old.gets(&identify).await?;
    let home = old.writes("Known").await?["conversation_id"].clone();
    let mut zoe = scene.guest().await?;
    zoe.writes("Unknown").await?;
    zoe.gets(&identify).await?;
    assert_eq!(zoe.writes("Which one?").await?["conversation_id"], home);
    assert_eq!(
        zoe.sees("select * from chat_my_conversations where archived_at is null")
            .await?
            .len(),
        2
    );
    Ok(())
}

#[tokio::test]
async fn another_user_at_the_same_browser_is_somebody_else() -> Result<()> {
    let scene = Scene::open().await?;
    let mut browser = scene.guest_without_form().await?;
    browser.gets(&vouched(&scene, "ann").await?).await?;
    browser.writes("Of Ann").await?;
    browser.gets(&vouched(&scene, "bob").await?).await?;
    assert_eq!(
        browser.sees("select * from chat_my_messages").await?.len(),
        0
    );
    browser.writes("Of Bob").await?;
    browser.gets(&vouched(&scene, "ann").await?).await?;
    assert_eq!(
        browser.sees("select content from chat_my_messages").await?,
        [json!({"content": "Of Ann"})]
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_hash_proves_nobody_and_is_counted() -> Result<()> {
    let scene = Scene::open().await?;
    let right = vouched(&scene, "user-7").await?;
    let hash = right.split('\'').nth(3).context("no hash")?;
    let mut thief = scene.guest().await?;
    for wrong in [
        right.replace("user-7", "user-8"),
        right.replace(hash, &"0".repeat(64)),
        "chat_identify('user-7', null)".to_owned(),
        "chat_identify(null, '')".to_owned(),
    ] {
        let answer = thief.gets(&wrong).await?;
        assert_eq!(answer["details"], "chat/wrong_proof", "{wrong}: {answer}");
    }
    assert_eq!(scene.db.count("chat.identity_aliases").await?, 0);
    let tries = "select round(extract(epoch from empty_at - clock_timestamp()) / 3) as tries from chat.rates where kind = 'proofs'";
    assert_eq!(
        scene.db.row(tries).await?["tries"],
        4,
        "each try is counted"
    );
    for _ in 0..16 {
        thief.gets("chat_identify('user-7', 'x')").await?;
    }
    let waits = thief.gets(&right).await?;
    assert_eq!(waits["details"], "chat/too_many", "{waits}");
    Ok(())
}

/// What a guest is told who is being erased while they call.
async fn refused_while_erased(scene: &Scene, call: &str) -> Result<(String, String)> {
    let mut zoe = scene.guest_without_form().await?;
    let mut erases = scene.db.owner().begin().await?;
    sqlx::query("select chat.erase_person($1)")
        .bind(zoe.session.visitor)
        .execute(&mut *erases)
        .await?;
    scene.while_open(erases, zoe.is_refused(call)).await
}

#[tokio::test]
async fn who_is_erased_while_they_say_who_they_are_is_told_that_the_session_is_over() -> Result<()>
{
    for is_known in [false, true] {
        let scene = Scene::open().await?;
        let identify = vouched(&scene, "user-7").await?;
        if is_known {
            scene.guest_without_form().await?.gets(&identify).await?;
        }
        let refused = refused_while_erased(&scene, &identify).await?;
        assert_eq!(refused, said("PT401", "chat/session_dead"), "{is_known}");
    }
    Ok(())
}

#[tokio::test]
async fn who_is_erased_while_they_agree_or_ask_for_a_place_is_told_that_the_session_is_over()
-> Result<()> {
    for call in [
        "chat_consent(2)",
        "chat_request_upload('a.png', 10, 'image/png')",
    ] {
        let scene = Scene::open().await?;
        scene.set("privacy_text = 'We keep it'").await?;
        let refused = refused_while_erased(&scene, call).await?;
        assert_eq!(refused, said("PT401", "chat/session_dead"), "{call}");
    }
    Ok(())
}

#[tokio::test]
async fn a_new_key_makes_the_old_one_worthless() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest().await?;
    assert_eq!(
        zoe.is_refused("chat_identify('user-7', 'x')").await,
        said("PT422", "chat/no_identity_key")
    );
    let old = vouched(&scene, "user-7").await?;
    scene
        .boss_gets(&format!("chat_rotate_identity_key('{}')", scene.site.id))
        .await?;
    assert_eq!(zoe.gets(&old).await?["details"], "chat/wrong_proof");
    zoe.gets(&vouched(&scene, "user-7").await?).await?;
    let kept = format!(
        "select count(*)::int as n from chat.identity_aliases where value = 'user-7' and kind = 'hmac' and site_id = '{}'",
        scene.site.id
    );
    assert_eq!(scene.db.row(&kept).await?, json!({"n": 1}));
    Ok(())
}

#[tokio::test]
async fn a_profile_is_looked_at_like_a_form() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest().await?;
    let wrong = vouched(&scene, "user-7")
        .await?
        .replace("\"name\": \"Zoe\"", "\"email\": \"zoe@\"");
    let answer = zoe.gets(&wrong).await?;
    assert_eq!(
        answer["problems"],
        json!([{"field": "email", "problem": "not_an_email"}]),
        "{answer}"
    );
    Ok(())
}

#[tokio::test]
async fn ten_browsers_of_one_user_are_one_person() -> Result<()> {
    let scene = Scene::open().await?;
    let identify = vouched(&scene, "user-7").await?;
    let mut browsers = Vec::new();
    for _ in 0..10 {
        let session = scene.site.session(&scene.db).await?;
        let mut person = scene.db.as_visitor(&session).await?;
        let identify = identify.clone();
        browsers.push(tokio::spawn(async move {
            person.rows(&format!("select {identify} as answer")).await
        }));
    }
    let mut people: Vec<Value> = Vec::new();
    for browser in browsers {
        people.push(browser.await??[0]["answer"]["visitor_id"].clone());
    }
    people.dedup();
    assert_eq!(people.len(), 1, "{people:?}");
    assert_eq!(
        scene
            .db
            .count("mod_chat_visitors where merged_into is null")
            .await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_customer_with_a_login_is_known_by_it() -> Result<()> {
    let scene = Scene::open().await?;
    scene.set("pre_chat_enabled = false").await?;
    let user = Uuid::new_v4();
    let open = format!("select chat_open_session('{}') as answer", scene.site.id);
    let mut visitors = Vec::new();
    for words in ["first", "second"] {
        let mut customer = scene.db.as_user(user).await?;
        let session = Session::of(&customer.rows(&open).await?[0]["answer"])?;
        let mut visitor = scene.db.as_visitor(&session).await?;
        visitor
            .rows(&format!("select chat_post_message('{words}')"))
            .await?;
        visitors.push(session.visitor);
    }
    assert_eq!(visitors[0], visitors[1]);
    // The login itself shows the same, without a token of ours; another login nothing.
    let mut customer = scene.db.as_user(user).await?;
    let seen = customer
        .rows("select content from chat_my_messages order by public_seq")
        .await?;
    assert_eq!(
        seen,
        [json!({"content": "first"}), json!({"content": "second"})]
    );
    let mut other = scene.db.as_user(Uuid::new_v4()).await?;
    ensure!(
        other
            .rows("select * from chat_my_messages")
            .await?
            .is_empty(),
        "another login sees them"
    );
    Ok(())
}

/// An erasing has the person before it takes them away; who signs in at their browser must not have a part of them by then.
#[tokio::test]
async fn who_signs_in_while_they_are_erased_waits_before_they_have_anything() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.guest_without_form().await?.session;
    let mut erases = scene.db.owner().begin().await?;
    let half = format!(
        "select chat.lock_identities(array[s.identity_id]) from chat.sessions s where s.id = '{}';
        select from mod_chat_visitors where id = '{}' for no key update",
        zoe.id, zoe.visitor
    );
    sqlx::raw_sql(AssertSqlSafe(half))
        .execute(&mut *erases)
        .await?;
    let open = format!(
        "select chat_open_session('{}', '{}')",
        scene.site.id, zoe.key
    );
    let mut customer = scene.db.as_user(Uuid::new_v4()).await?;
    let ends = async {
        scene.until_waiting(1).await?;
        let rest = format!(
            "set local lock_timeout = '1s'; select chat.erase_person('{}')",
            zoe.visitor
        );
        sqlx::raw_sql(AssertSqlSafe(rest))
            .execute(&mut *erases)
            .await?;
        anyhow::Ok(erases.commit().await?)
    };
    let (opened, erased) = tokio::join!(customer.rows(&open), ends);
    erased.context("the erasing waited for who signed in")?;
    let refusal = Refusal::expect(opened);
    assert_eq!(refusal.detail.as_deref(), Some("chat/session_dead"));
    Ok(())
}
