//! What is known of somebody who only looks: pages, visits, browser and place, and who is there now.

use anyhow::{Context, Result};
use pg_chat_tests::Session;
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::said;
use crate::scene::{Scene, only};

const PHONE: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36";

impl Scene {
    /// A visitor turns a page when the clock stands so far from now.
    async fn turns_page(&self, session: &Session, after: &str, page: &Value) -> Result<()> {
        let page = page.to_string().replace('\'', "''");
        self.as_owner(&format!(
            "select chat.note_page(s, '{page}', clock_timestamp() + interval '{after}')
            from chat.sessions s where s.id = '{}'",
            session.id
        ))
        .await?;
        Ok(())
    }

    /// Opens a session through a proxy: settings of the database, headers of the request.
    async fn opens_through(&self, settings: &[(&str, &str)], headers: &Value) -> Result<Value> {
        let mut anon = self.db.as_anon().await?;
        let mut request = anon.begin().await?;
        for (name, value) in settings {
            sqlx::query("select set_config($1, $2, true)")
                .bind(name)
                .bind(value)
                .execute(&mut *request)
                .await?;
        }
        sqlx::query("select set_config('request.headers', $1, true)")
            .bind(headers.to_string())
            .execute(&mut *request)
            .await?;
        let opened: Value = sqlx::query_scalar(AssertSqlSafe(format!(
            "select chat_open_session('{}', null, '{{\"url\": \"https://shop.example/\"}}')",
            self.site.id
        )))
        .fetch_one(&mut *request)
        .await?;
        request.commit().await?;
        self.visitor_now(Session::of(&opened)?.visitor).await
    }

    async fn visits_of(&self, session: &Session) -> Result<Vec<Value>> {
        let visits = self
            .boss_gets(&format!("chat_visits('{}')", session.visitor))
            .await?;
        Ok(visits.as_array().context("no list")?.clone())
    }
}

fn page(url: &str) -> Value {
    json!({"url": url, "title": "A page"})
}

#[tokio::test]
async fn a_pause_of_half_an_hour_ends_a_visit() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    for (after, url) in [
        ("1 minute", "https://shop.example/"),
        ("2 minutes", "https://shop.example/cart"),
        ("31 minutes", "https://shop.example/cart"),
        ("62 minutes", "https://shop.example/"),
        ("3 hours", "https://shop.example/late"),
    ] {
        scene.turns_page(&zoe, after, &page(url)).await?;
    }
    let visits = scene.visits_of(&zoe).await?;
    let pages: Vec<_> = visits.iter().map(|visit| visit["pages"].clone()).collect();
    assert_eq!(pages, [1, 1, 2], "latest first");
    assert_eq!(
        visits[2]["page_views"]
            .as_array()
            .context("pages")?
            .iter()
            .map(|view| view["url"].clone())
            .collect::<Vec<_>>(),
        ["https://shop.example/", "https://shop.example/cart"],
        "a page that stays open is one page"
    );
    assert_eq!(scene.visitor_now(zoe.visitor).await?["total_visits"], 3);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn two_tabs_at_once_are_one_visit() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    let (one, other) = (
        page("https://shop.example/a"),
        page("https://shop.example/b"),
    );
    for hours in 1..6 {
        let at = format!("{hours} hours");
        let (one, other) = tokio::join!(
            scene.turns_page(&zoe, &at, &one),
            scene.turns_page(&zoe, &at, &other)
        );
        one?;
        other?;
    }
    assert_eq!(scene.visitor_now(zoe.visitor).await?["total_visits"], 6);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn browser_and_place_come_from_what_can_be_believed() -> Result<()> {
    let scene = Scene::open().await?;
    let headers = json!({"x-forwarded-for": "1.2.3.4, 198.51.100.7, 10.0.0.1", "user-agent": PHONE,
        "cf-ipcountry": "de", "cf-ipcity": "M%C3%BCnchen", "x-country": "US"});
    let told = "browser os device ip_address country city";
    let through_proxy = [
        ("app.settings.chat_trusted_hops", "2"),
        ("app.settings.chat_country_header", "CF-IPCountry"),
        ("app.settings.chat_city_header", "cf-ipcity"),
    ];
    let seen = scene.opens_through(&through_proxy, &headers).await?;
    assert_eq!(
        only(&seen, told),
        json!({"browser": "Chrome 128", "os": "Android 14", "device": "mobile", "ip_address": "198.51.100.7",
            "country": "DE", "city": "München"})
    );
    // Nobody configured a header: whatever is in it, a client may have written it.
    let seen = scene.opens_through(&[], &headers).await?;
    assert_eq!(
        only(&seen, told),
        json!({"browser": "Chrome 128", "os": "Android 14", "device": "mobile", "ip_address": "10.0.0.1",
            "country": null, "city": null})
    );
    Ok(())
}

#[tokio::test]
async fn addresses_that_no_browser_should_open_are_not_kept() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://shop.example/\"onclick=alert(1)",
        "https://shop.example/<script>",
        "https://shop.example/a b",
        "https://",
        "",
        "\u{202e}https://shop.example/",
    ] {
        scene
            .turns_page(&zoe, "1 second", &json!({"url": url, "referrer": url}))
            .await?;
    }
    for odd in [
        json!(null),
        json!([1]),
        json!("x"),
        json!({"url": {"a": 1}, "title": ["x"]}),
    ] {
        scene.turns_page(&zoe, "1 second", &odd).await?;
    }
    let kept = scene.visitor_now(zoe.visitor).await?;
    assert_eq!(
        only(&kept, "current_page_url landing_page_url referrer_url"),
        json!({"current_page_url": null, "landing_page_url": null, "referrer_url": null})
    );
    // Ten megabytes of one address are its first characters.
    let long = format!("https://shop.example/{}", "x".repeat(10_000_000));
    scene
        .turns_page(
            &zoe,
            "2 seconds",
            &json!({"url": long, "title": "x".repeat(10_000_000)}),
        )
        .await?;
    let kept = scene.visitor_now(zoe.visitor).await?;
    assert_eq!(
        (
            kept["current_page_url"].as_str().map(str::len),
            kept["current_page_title"].as_str().map(str::len)
        ),
        (Some(2048), Some(300))
    );
    Ok(())
}

#[tokio::test]
async fn a_visit_of_a_thousand_pages_keeps_five_hundred() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    scene
        .as_owner(&format!(
            "select chat.note_page(s, jsonb_build_object('url', 'https://shop.example/' || n), clock_timestamp())
            from chat.sessions s cross join generate_series(1, 600) n where s.id = '{}'",
            zoe.id
        ))
        .await?;
    assert_eq!(scene.count("chat.page_views").await?, 500);
    assert_eq!(
        scene.visitor_now(zoe.visitor).await?["current_page_url"],
        "https://shop.example/600"
    );
    Ok(())
}

#[tokio::test]
async fn agents_see_who_is_there_now() -> Result<()> {
    let scene = Scene::open().await?;
    let (zoe, max, old) = (
        scene.site.session(&scene.db).await?,
        scene.site.session(&scene.db).await?,
        scene.site.session(&scene.db).await?,
    );
    scene
        .turns_page(&max, "1 second", &page("https://shop.example/max"))
        .await?;
    scene
        .turns_page(&zoe, "2 seconds", &page("https://shop.example/zoe"))
        .await?;
    scene
        .as_owner(&format!(
            "update chat.visits set last_at = now() - interval '10 minutes' where visitor_id = '{}'",
            old.visitor
        ))
        .await?;
    let chat = scene.site.conversation(zoe.visitor).await?;
    let site = scene.site.id;
    let live = scene
        .boss_gets(&format!("chat_live_visitors('{site}')"))
        .await?;
    assert_eq!(live["count"], 2);
    let shown = live["visitors"].as_array().context("visitors")?;
    assert_eq!(shown.len(), 2);
    assert_eq!(
        only(
            &shown[0],
            "visitor_id current_page_url pages conversation_id conversation_status"
        ),
        json!({"visitor_id": zoe.visitor, "current_page_url": "https://shop.example/zoe", "pages": 1,
            "conversation_id": chat, "conversation_status": "pending"})
    );
    assert_eq!(shown[1]["visitor_id"], json!(max.visitor));
    assert_eq!(shown[1]["conversation_id"], Value::Null);

    let first = scene
        .boss_gets(&format!("chat_live_visitors('{site}', 3600, 1)"))
        .await?;
    assert_eq!(first["count"], 3);
    let second = scene
        .boss_gets(&format!(
            "chat_live_visitors('{site}', 3600, 1, '{}')",
            first["visitors"][0]["last_at"]
                .as_str()
                .context("last_at")?
        ))
        .await?;
    assert_eq!(second["visitors"][0]["visitor_id"], json!(max.visitor));
    for arguments in ["0", "86401", "300, 0", "300, 501"] {
        assert_eq!(
            scene
                .boss_is_refused(&format!("select chat_live_visitors('{site}', {arguments})"))
                .await,
            said("PT422", "chat/out_of_range")
        );
    }
    Ok(())
}

#[tokio::test]
async fn pages_are_forgotten_after_ninety_days_and_visits_are_not() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    for after in ["-91 days", "-89 days"] {
        scene
            .as_owner(&format!(
                "update chat.visits set last_at = now() - interval '1 year' where visitor_id = '{}'",
                zoe.visitor
            ))
            .await?;
        scene
            .turns_page(&zoe, after, &page("https://shop.example/"))
            .await?;
    }
    let tick: Value = sqlx::query_scalar("select chat_tick()")
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(tick["page_views"], 1, "{tick}");
    assert_eq!(scene.count("chat.page_views").await?, 1);
    assert_eq!(scene.count("chat.visits").await?, 3);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_erased_visitors_visits_and_session_go_and_their_token_is_dead() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.session(&scene.db).await?;
    scene
        .turns_page(&zoe, "1 second", &page("https://shop.example/secret"))
        .await?;
    let export = scene
        .boss_gets(&format!("chat_export_visitor('{}')", zoe.visitor))
        .await?;
    assert_eq!(
        export["visits"][0]["page_views"][0]["url"],
        "https://shop.example/secret"
    );
    assert_eq!(export["sessions"].as_array().map(Vec::len), Some(1));
    assert!(!export.to_string().contains("key_hash"), "{export}");
    let proof = scene
        .boss_gets(&format!("chat_erase_visitor('{}')", zoe.visitor))
        .await?;
    assert_eq!(
        only(&proof["counts"], "visits page_views sessions identities"),
        json!({"visits": 1, "page_views": 1, "sessions": 1, "identities": 1})
    );
    for table in ["chat.visits", "chat.page_views", "chat.sessions"] {
        assert_eq!(scene.count(table).await?, 0, "{table}");
    }
    let mut visitor = scene.db.as_visitor(&zoe).await?;
    let dead = pg_chat_tests::Refusal::expect(visitor.rows("select chat_set_page('{}')").await);
    assert_eq!(dead.detail.as_deref(), Some("chat/session_dead"));
    Ok(())
}

#[tokio::test]
async fn the_language_is_the_widgets_own_word_else_the_browsers() -> Result<()> {
    let scene = Scene::open().await?;
    let browser = json!({"accept-language": "de-AT,de;q=0.9,en;q=0.8"});
    assert_eq!(
        scene.opens_through(&[], &browser).await?["language"],
        "de-AT"
    );
    for odd in ["*", "german", "x", "", "de_AT", "'; drop"] {
        let visitor = scene
            .opens_through(&[], &json!({"accept-language": odd}))
            .await?;
        assert_eq!(visitor["language"], json!(null), "{odd}");
    }
    let zoe = scene.site.session(&scene.db).await?;
    for (word, kept) in [
        (json!("pt-BR"), "pt-BR"),
        (json!(7), "pt-BR"),
        (json!("fr"), "fr"),
    ] {
        let page = json!({"url": "https://shop.example/", "language": word});
        scene.turns_page(&zoe, "1 minute", &page).await?;
        assert_eq!(scene.visitor_now(zoe.visitor).await?["language"], kept);
    }
    Ok(())
}
