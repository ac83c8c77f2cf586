//! A widget's requests, over HTTP: the configuration, a session, the form, messages, and the refusals as a browser
//! gets them.

use anyhow::{Context, Result};
use pg_chat_tests::{AgentIs, Origin, Site, TestDb, http_client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A page with the widget on it.
struct Page {
    origin: Origin,
    anon_key: String,
    /// The session's token, once there is one.
    token: Option<String>,
    site: Site,
    /// Dropped last.
    db: TestDb,
}

impl Page {
    async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let origin = Origin::of(&db).await?;
        let anon_key = origin.key("anon");
        Ok(Self {
            origin,
            anon_key,
            token: None,
            site,
            db,
        })
    }

    async fn asks(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = http_client()
            .request(method, format!("{}/rest/v1/{path}", self.origin.url()))
            .header("apikey", &self.anon_key)
            .header("x-forwarded-for", "198.51.100.7");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).context(text)?
        };
        Ok((status, value))
    }

    async fn calls(&self, function: &str, arguments: Value) -> Result<(StatusCode, Value)> {
        self.asks(Method::POST, &format!("rpc/{function}"), Some(arguments))
            .await
    }
}

#[tokio::test]
async fn a_visitor_opens_the_widget_fills_in_the_form_writes_and_reads() -> Result<()> {
    let mut page = Page::open().await?;
    page.site.agent("Ada", AgentIs::default()).await?;
    let site = json!({"site": page.site.id});
    let (status, config) = page.calls("chat_widget_config", site.clone()).await?;
    assert_eq!((status, &config["online"]), (StatusCode::OK, &json!(true)));
    let (status, session) = page.calls("chat_open_session", site).await?;
    assert_eq!(status, StatusCode::OK, "{session}");
    page.token = session["token"].as_str().map(str::to_owned);

    let (status, early) = page
        .calls("chat_post_message", json!({"content": "Hello"}))
        .await?;
    assert_eq!(
        (status.as_u16(), &early["details"]),
        (422, &json!("chat/form_required")),
        "{early}"
    );
    // A refusal that is an answer looks to the client like one that is an error.
    let wrong = json!({"form": "pre_chat", "given": {"name": "", "email": "zoe@"}});
    let (status, wrong) = page.calls("chat_submit_form", wrong).await?;
    assert_eq!(
        (status.as_u16(), &wrong["details"]),
        (422, &json!("chat/form_invalid")),
        "{wrong}"
    );
    let right = json!({"form": "pre_chat", "given": {"name": "Zoe", "email": "zoe@example.org", "message": "Hello"}});
    let (status, sent) = page.calls("chat_submit_form", right).await?;
    assert_eq!(
        (status, &sent["message"]["public_seq"]),
        (StatusCode::OK, &json!(1)),
        "{sent}"
    );
    let (status, sent) = page
        .calls("chat_post_message", json!({"content": "Anybody?"}))
        .await?;
    assert_eq!(
        (status, &sent["public_seq"]),
        (StatusCode::OK, &json!(2)),
        "{sent}"
    );

    let (status, read) = page
        .asks(
            Method::GET,
            "chat_my_messages?change=gt.1&order=change",
            None,
        )
        .await?;
    assert_eq!(
        (status, &read[0]["content"]),
        (StatusCode::OK, &json!("Anybody?")),
        "{read}"
    );
    let (_, mine) = page
        .asks(Method::GET, "chat_my_conversations", None)
        .await?;
    assert_eq!(mine[0]["agent_name"], "Ada", "{mine}");
    for table in [
        "mod_chat_messages",
        "mod_chat_visitors",
        "mod_chat_widget_settings",
    ] {
        let (status, refused) = page.asks(Method::GET, table, None).await?;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{refused}");
    }
    let address = page
        .db
        .row("select host(ip_address) as address from mod_chat_visitors")
        .await?;
    assert_eq!(address, json!({"address": "198.51.100.7"}));
    Ok(())
}

#[tokio::test]
async fn who_is_too_fast_gets_a_429_and_who_is_over_a_401() -> Result<()> {
    let mut page = Page::open().await?;
    page.db
        .as_owner("insert into mod_chat_widget_settings (site_id, address_sessions_per_minute) select id, 1 from sites")
        .await?;
    let site = json!({"site": page.site.id});
    let (_, session) = page.calls("chat_open_session", site.clone()).await?;
    let (status, said) = page.calls("chat_open_session", site).await?;
    assert_eq!(
        (status.as_u16(), &said["details"]),
        (429, &json!("chat/too_many")),
        "{said}"
    );
    page.token = session["token"].as_str().map(str::to_owned);
    let (status, _) = page.calls("chat_end_session", json!({})).await?;
    assert!(status.is_success(), "{status}");
    let (status, said) = page.calls("chat_set_page", json!({"page": {}})).await?;
    assert_eq!(
        (status.as_u16(), &said["details"]),
        (401, &json!("chat/session_dead")),
        "{said}"
    );
    // What PostgreSQL cannot store is the caller's fault and not ours.
    let (status, said) = page
        .calls("chat_open_session", json!({"site": "x\u{0}"}))
        .await?;
    assert_eq!(status.as_u16(), 400, "{said}");
    Ok(())
}
