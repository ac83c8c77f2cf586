//! A session: opened, renewed, over.

use anyhow::{Result, ensure};
use local_stack::keys::JwtSecret;
use pg_chat_tests::{Person, Refusal, Session, Site, TestDb};
use serde_json::{Value, json};
use uuid::Uuid;

/// A database with one site.
async fn open() -> Result<(TestDb, Site)> {
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    Ok((db, site))
}

/// Opens or renews a session as somebody with the anon key; the whole answer.
async fn widget(db: &TestDb, site: Uuid, key: Option<&str>) -> Result<Value, sqlx::Error> {
    let mut anon = db.as_anon().await.map_err(other)?;
    let key = key.map_or("null".to_owned(), |key| format!("'{key}'"));
    call(&mut anon, &format!("chat_open_session('{site}', {key})")).await
}

async fn call(person: &mut Person, function: &str) -> Result<Value, sqlx::Error> {
    let rows = person.rows(&format!("select {function} as answer")).await?;
    Ok(rows[0]["answer"].clone())
}

fn other(error: anyhow::Error) -> sqlx::Error {
    sqlx::Error::Configuration(error.into())
}

async fn turn_page(db: &TestDb, claims: Value) -> Result<(), sqlx::Error> {
    let mut visitor = db.as_caller("anon", claims).await.map_err(other)?;
    call(
        &mut visitor,
        "chat_set_page('{\"url\": \"https://shop.example/cart\"}')",
    )
    .await?;
    Ok(())
}

async fn refusal(db: &TestDb, claims: Value) -> (String, String) {
    let refusal = Refusal::expect(turn_page(db, claims).await);
    assert!(refusal.hint.is_some(), "{refusal:?} has no hint");
    (refusal.sqlstate, refusal.detail.unwrap_or_default())
}

#[tokio::test]
async fn the_token_is_the_projects_own_and_says_no_more_than_it_must() -> Result<()> {
    let (db, site) = open().await?;
    let session = site.session(&db).await?;
    let key: String = sqlx::query_scalar("select current_setting('app.settings.jwt_secret')")
        .fetch_one(db.owner())
        .await?;
    let claims: Value = JwtSecret::new(key)
        .verify(&session.token)
        .expect("signed by the project's key");
    let lasts =
        claims["exp"].as_i64().unwrap_or_default() - claims["iat"].as_i64().unwrap_or_default();
    ensure!(lasts == 3600, "the token lasts {lasts} seconds");
    let mut rest = claims;
    for time in ["exp", "iat"] {
        rest.as_object_mut().map(|claims| claims.remove(time));
    }
    assert_eq!(
        rest,
        json!({"role": "anon", "chat_session": session.id, "chat_site": site.id})
    );
    Ok(())
}

#[tokio::test]
async fn a_key_in_vault_goes_before_the_setting() -> Result<()> {
    let (db, site) = open().await?;
    db.as_owner("select vault.create_secret('of the vault', 'chat_jwt_key')")
        .await?;
    let session = site.session(&db).await?;
    let claims: Option<Value> = JwtSecret::new("of the vault").verify(&session.token);
    ensure!(claims.is_some(), "signed by another key");
    Ok(())
}

#[tokio::test]
async fn a_visitor_comes_back_as_the_same_person_by_their_key() -> Result<()> {
    let (db, site) = open().await?;
    let first = widget(&db, site.id, None).await?;
    ensure!(first["resumed"] == false, "{first}");
    let again = widget(&db, site.id, first["key"].as_str()).await?;
    ensure!(again["resumed"] == true, "{again}");
    for same in ["session_id", "visitor_id", "key", "topics"] {
        ensure!(again[same] == first[same], "{same}: {first} {again}");
    }
    let stranger = widget(&db, site.id, Some("a guess")).await?;
    ensure!(stranger["resumed"] == false, "{stranger}");
    ensure!(stranger["visitor_id"] != first["visitor_id"], "{stranger}");
    ensure!(stranger["key"] != "a guess", "{stranger}");
    assert_eq!(db.count("mod_chat_visitors").await?, 2);
    let key = first["key"].as_str().unwrap_or_default();
    let kept = format!("chat.sessions s where to_jsonb(s)::text like '%{key}%'");
    assert_eq!(db.count(&kept).await?, 0, "the key itself is kept");
    Ok(())
}

#[tokio::test]
async fn a_key_opens_nothing_at_another_site() -> Result<()> {
    let (db, site) = open().await?;
    let neighbour = Site::make(&db).await?;
    let session = site.session(&db).await?;
    let answer = widget(&db, neighbour.id, Some(&session.key)).await?;
    ensure!(answer["resumed"] == false, "{answer}");
    assert_eq!(answer["site_id"], json!(neighbour.id));
    ensure!(answer["visitor_id"] != json!(session.visitor), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_does_not_count_any_more_says_which_kind_it_is() -> Result<()> {
    let (db, site) = open().await?;
    let session = site.session(&db).await?;
    let claims = session.claims()?;
    turn_page(&db, claims.clone()).await?;
    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let said = |detail: &str| ("PT401".to_owned(), detail.to_owned());

    assert_eq!(
        refusal(&db, json!({"role": "anon"})).await,
        said("chat/no_session")
    );
    let neighbour = Site::make(&db).await?;
    for site in [json!(neighbour.id), json!(null), json!({"a": [1]})] {
        assert_eq!(
            refusal(&db, changed("chat_site", site)).await,
            said("chat/session_foreign")
        );
    }
    for exp in [json!(1), json!(null), json!("4e9"), json!(-1e300)] {
        assert_eq!(
            refusal(&db, changed("exp", exp)).await,
            said("chat/session_expired")
        );
    }
    for id in [
        json!(Uuid::new_v4()),
        json!("'; drop table x"),
        json!(7),
        json!([]),
        json!({"x": {}}),
    ] {
        assert_eq!(
            refusal(&db, changed("chat_session", id)).await,
            said("chat/session_dead")
        );
    }
    call(&mut db.as_visitor(&session).await?, "chat_end_session()").await?;
    assert_eq!(refusal(&db, claims).await, said("chat/session_dead"));
    let again = widget(&db, site.id, Some(&session.key)).await?;
    ensure!(
        again["resumed"] == false,
        "an ended session comes back: {again}"
    );
    Ok(())
}

#[tokio::test]
async fn a_session_ends_when_its_visitor_stays_away() -> Result<()> {
    let (db, site) = open().await?;
    db.as_owner(
        "insert into mod_chat_widget_settings (site_id, session_days) select id, 7 from sites",
    )
    .await?;
    let session = site.session(&db).await?;
    let days = "select round(extract(epoch from expires_at - clock_timestamp()) / 86400)::int as days from chat.sessions";
    assert_eq!(db.row(days).await?, json!({"days": 7}));
    db.as_owner("update chat.sessions set expires_at = clock_timestamp() + interval '1 minute'")
        .await?;
    let renewed = widget(&db, site.id, Some(&session.key)).await?;
    ensure!(renewed["resumed"] == true, "{renewed}");
    assert_eq!(
        db.row(days).await?,
        json!({"days": 7}),
        "coming back moves it on"
    );
    db.as_owner("update chat.sessions set expires_at = clock_timestamp()")
        .await?;
    assert_eq!(refusal(&db, session.claims()?).await.1, "chat/session_dead");
    let stranger = widget(&db, site.id, Some(&session.key)).await?;
    ensure!(stranger["resumed"] == false, "{stranger}");
    Ok(())
}

#[tokio::test]
async fn too_many_at_once_are_told_when_to_come_back_and_stay_counted() -> Result<()> {
    let (db, site) = open().await?;
    db.as_owner("insert into mod_chat_widget_settings (site_id, address_sessions_per_minute) select id, 2 from sites")
        .await?;
    for _ in 0..2 {
        Session::of(&widget(&db, site.id, None).await?)?;
    }
    let mut anon = db.as_anon().await?;
    let mut request = anon.begin().await?;
    let answer: Value = sqlx::query_scalar("select chat_open_session($1)")
        .bind(site.id)
        .fetch_one(&mut *request)
        .await?;
    let status: (String, String) = sqlx::query_as(
        "select current_setting('response.status'), current_setting('response.headers')",
    )
    .fetch_one(&mut *request)
    .await?;
    request.commit().await?;
    assert_eq!(
        (&answer["code"], &answer["details"]),
        (&json!("PT429"), &json!("chat/too_many"))
    );
    let wait = answer["retry_after"].as_i64().unwrap_or_default();
    ensure!((1..=30).contains(&wait), "{answer}");
    assert_eq!(
        status,
        (
            "429".to_owned(),
            format!("[{{\"Retry-After\": \"{wait}\"}}]")
        )
    );
    assert_eq!(db.count("chat.sessions").await?, 2);
    assert_eq!(
        db.count("chat.rates where kind = 'site_sessions'").await?,
        1
    );

    db.as_owner("update chat.rates set empty_at = empty_at - interval '31 seconds'")
        .await?;
    Session::of(&widget(&db, site.id, None).await?)?;
    db.as_owner("update chat.rates set empty_at = clock_timestamp() - interval '1 second'")
        .await?;
    let swept: Value = sqlx::query_scalar("select chat_tick()")
        .fetch_one(db.as_worker())
        .await?;
    ensure!(swept["rates"] == 2, "{swept}");
    Ok(())
}

#[tokio::test]
async fn a_site_that_allows_none_takes_nobody() -> Result<()> {
    let (db, site) = open().await?;
    db.as_owner("insert into mod_chat_widget_settings (site_id, sessions_per_minute) select id, 0 from sites").await?;
    let answer = widget(&db, site.id, None).await?;
    assert_eq!(answer["retry_after"], 60, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_blocked_address_gets_in_neither_new_nor_by_a_forged_header() -> Result<()> {
    let (db, site) = open().await?;
    db.as_owner("insert into mod_chat_widget_settings (site_id, blocked_ips) select id, '{127.0.0.0/8}' from sites")
        .await?;
    let mut anon = db.as_anon().await?;
    let refusal =
        Refusal::expect(call(&mut anon, &format!("chat_open_session('{}')", site.id)).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT403", Some("chat/blocked"))
    );
    // What a client writes before what our proxy wrote counts for nothing.
    let mut request = anon.begin().await?;
    let forged = json!({"x-forwarded-for": "198.51.100.7, 127.0.0.1"});
    sqlx::query("select set_config('request.headers', $1, true)")
        .bind(forged.to_string())
        .execute(&mut *request)
        .await?;
    let opened = sqlx::query("select chat_open_session($1)")
        .bind(site.id)
        .execute(&mut *request)
        .await;
    assert_eq!(
        Refusal::expect(opened).detail.as_deref(),
        Some("chat/blocked")
    );
    Ok(())
}

#[tokio::test]
async fn odd_pages_and_headers_are_taken_as_far_as_they_go() -> Result<()> {
    let (db, site) = open().await?;
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    let long = json!({"url": "https://x.example/".to_owned() + &"a".repeat(5000), "title": "x".repeat(2000)});
    for page in [
        "null".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        deep,
        long.to_string(),
    ] {
        let mut anon = db.as_anon().await?;
        let mut request = anon.begin().await?;
        let headers = json!({"x-forwarded-for": "'; --, 999.1.1.1", "user-agent": "x".repeat(9000), "origin": "null"});
        sqlx::query("select set_config('request.headers', $1, true)")
            .bind(headers.to_string())
            .execute(&mut *request)
            .await?;
        let opened: Value = sqlx::query_scalar("select chat_open_session($1, null, $2::jsonb)")
            .bind(site.id)
            .bind(page)
            .fetch_one(&mut *request)
            .await?;
        request.commit().await?;
        Session::of(&opened)?;
    }
    let longest = "select max(length(current_page_url)) as url, max(length(current_page_title)) as title,
        (select max(length(user_agent)) from chat.sessions) as agent, count(ip_address) as addresses from mod_chat_visitors";
    assert_eq!(
        db.row(longest).await?,
        json!({"url": 2048, "title": 300, "agent": 1000, "addresses": 0})
    );
    Ok(())
}

#[tokio::test]
async fn agents_see_which_page_a_visitor_is_on_and_where_they_came_in() -> Result<()> {
    let (db, site) = open().await?;
    let session = site.session(&db).await?;
    let mut visitor = db.as_visitor(&session).await?;
    for page in [
        r#"{"url": "https://shop.example/", "title": "Shop", "referrer": "https://search.example/"}"#,
        r#"{"url": "https://shop.example/cart", "referrer": "https://shop.example/"}"#,
    ] {
        call(&mut visitor, &format!("chat_set_page('{page}')")).await?;
    }
    let seen = "select landing_page_url, current_page_url, current_page_title, referrer_url from mod_chat_visitors";
    assert_eq!(
        db.row(seen).await?,
        json!({"landing_page_url": "https://shop.example/", "current_page_url": "https://shop.example/cart",
            "current_page_title": null, "referrer_url": "https://search.example/"})
    );
    Ok(())
}

#[tokio::test]
async fn a_site_that_is_not_there_is_said_so() -> Result<()> {
    let (db, _) = open().await?;
    let refusal = Refusal::expect(widget(&db, Uuid::new_v4(), None).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT404", Some("chat/no_such_site"))
    );
    Ok(())
}
