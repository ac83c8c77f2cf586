//! A dashboard's requests, over HTTP: sign in, read the inbox, ask why, answer.

use anyhow::{Context, Result};
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{Agent, AgentIs, Number, Origin, Site, TestDb, http_client};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

const ZOE: &str = "15550100002";

/// A dashboard that Ada is signed in to.
struct Dashboard {
    origin: Origin,
    anon_key: String,
    /// Ada's access token.
    token: String,
    ada: Agent,
    number: Number,
    /// Dropped last.
    db: TestDb,
}

impl Dashboard {
    async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let ada = site.agent("Ada", AgentIs::default()).await?;
        let number = site.number(&db, "106540352242922").await?;
        let origin = Origin::of(&db).await?;
        let anon_key = origin.key("anon");
        let mut dashboard = Self {
            origin,
            anon_key,
            token: String::new(),
            ada,
            number,
            db,
        };
        dashboard.sign_up().await?;
        dashboard.sign_in().await?;
        Ok(dashboard)
    }

    /// A request with the project's key, as everybody has it.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        http_client()
            .request(method, format!("{}{path}", self.origin.url()))
            .header("apikey", &self.anon_key)
    }

    /// A request of Ada's.
    fn of_ada(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.token)
    }

    /// Gives Ada's agent row a user who can sign in.
    async fn sign_up(&self) -> Result<()> {
        let account = json!({"email": "ada@example.org", "password": "correct horse"});
        let signed_up: Value = self
            .request(Method::POST, "/auth/v1/signup")
            .json(&account)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let user = signed_up["user"]["id"]
            .as_str()
            .context("a user has an id")?;
        let become_ada = format!(
            "update public.mod_chat_agents set user_id = '{user}' where id = '{}'",
            self.ada.id
        );
        self.db.as_owner(&become_ada).await?;
        Ok(())
    }

    async fn sign_in(&mut self) -> Result<()> {
        let account = json!({"email": "ada@example.org", "password": "correct horse"});
        let path = "/auth/v1/token?grant_type=password";
        let session: Value = self
            .request(Method::POST, path)
            .json(&account)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        self.token = session["access_token"]
            .as_str()
            .context("a session has a token")?
            .to_owned();
        Ok(())
    }

    /// Rows that Ada reads.
    async fn reads(&self, path: &str) -> Result<Value> {
        let answer = self
            .of_ada(Method::GET, &format!("/rest/v1/{path}"))
            .send()
            .await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// A row that Ada inserts, as `.insert(…).select()` does it.
    async fn inserts(&self, message: &Value) -> Result<(StatusCode, Value)> {
        let request = self.of_ada(Method::POST, "/rest/v1/mod_chat_messages?select=*");
        let answer = request
            .header("prefer", "return=representation")
            .json(message)
            .send()
            .await?;
        Ok((answer.status(), answer.json().await?))
    }
}

#[tokio::test]
async fn an_agent_signs_in_reads_the_inbox_sees_why_and_answers() -> Result<()> {
    let dashboard = Dashboard::open().await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[
            text(ZOE, "wamid.1", "Hello"),
            text(ZOE, "wamid.2", "Anybody?"),
        ],
    )
    .await?;

    let inbox = dashboard
        .reads(
            "mod_chat_conversations?select=id,status,unread_agent_count,last_message_text,\
            visitor:mod_chat_visitors!mod_chat_conversations_visitor_id_fkey(name),\
            agent:mod_chat_agents!mod_chat_conversations_assigned_agent_id_fkey(display_name),\
            messages:mod_chat_messages!mod_chat_messages_conversation_id_fkey(seq,content)\
            &order=last_message_at.desc&messages.order=seq.asc",
        )
        .await?;
    let mut chat = inbox[0].clone();
    let id: Uuid = serde_json::from_value(chat["id"].take())?;
    assert_eq!(
        chat,
        json!({
            "id": null, "status": "active", "unread_agent_count": 2, "last_message_text": "Anybody?",
            "visitor": {"name": "Phone 15550100002"}, "agent": {"display_name": "Ada"},
            "messages": [{"seq": 1, "content": "Hello"}, {"seq": 2, "content": "Anybody?"}],
        })
    );

    let ask = dashboard
        .of_ada(Method::POST, "/rest/v1/rpc/chat_explain_assignment")
        .json(&json!({"conversation": id}));
    let why: Value = ask.send().await?.error_for_status()?.json().await?;
    assert_eq!(why["agent_id"], json!(dashboard.ada.id));

    let (status, rows) = dashboard
        .inserts(&json!({"conversation_id": id, "content": "Hello Zoe"}))
        .await?;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&rows[0]["seq"], &rows[0]["status"], &rows[0]["sender_name"]),
        (&json!(3), &json!("sending"), &json!("Ada"))
    );
    Ok(())
}

#[tokio::test]
async fn the_same_message_posted_twice_answers_with_no_row_and_can_be_read_by_its_id() -> Result<()>
{
    let dashboard = Dashboard::open().await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[text(ZOE, "wamid.1", "Hello")],
    )
    .await?;
    let chats = dashboard.reads("mod_chat_conversations?select=id").await?;
    let message =
        json!({"id": Uuid::new_v4(), "conversation_id": chats[0]["id"], "content": "Once"});
    let (_, first) = dashboard.inserts(&message).await?;
    assert_eq!(first[0]["id"], message["id"]);
    let (status, again) = dashboard.inserts(&message).await?;
    assert!(status.is_success(), "{status}");
    assert_eq!(again, json!([]));
    let id = message["id"].as_str().context("id")?;
    let read = dashboard
        .reads(&format!("mod_chat_messages?id=eq.{id}&select=seq,content"))
        .await?;
    assert_eq!(read, json!([{"seq": 2, "content": "Once"}]));
    Ok(())
}

#[tokio::test]
async fn a_refusal_comes_with_its_status_code_and_way_out() -> Result<()> {
    let dashboard = Dashboard::open().await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[text(ZOE, "wamid.1", "Hello")],
    )
    .await?;
    dashboard
        .db
        .as_owner("update public.mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let chats = dashboard.reads("mod_chat_conversations?select=id").await?;
    let (status, refusal) = dashboard
        .inserts(&json!({"conversation_id": chats[0]["id"], "content": "Late"}))
        .await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refusal["details"], "chat/window_closed");
    assert!(
        refusal["message"].is_string() && refusal["hint"].is_string(),
        "{refusal}"
    );
    Ok(())
}

#[tokio::test]
async fn a_chat_that_is_resolved_at_the_same_request_makes_room_for_the_next() -> Result<()> {
    let dashboard = Dashboard::open().await?;
    dashboard
        .db
        .as_owner("update public.mod_chat_agents set max_concurrent_chats = 1")
        .await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[text(ZOE, "wamid.1", "Hello")],
    )
    .await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[text("15550100003", "wamid.2", "Hello")],
    )
    .await?;
    let mine = format!(
        "mod_chat_conversations?select=id,status&assigned_agent_id=eq.{}&status=eq.active",
        dashboard.ada.id
    );
    let first = dashboard.reads(&mine).await?;
    let path = format!(
        "/rest/v1/mod_chat_conversations?id=eq.{}",
        first[0]["id"].as_str().context("id")?
    );
    let patch = dashboard
        .of_ada(Method::PATCH, &path)
        .header("prefer", "return=representation");
    let resolved: Value = patch
        .json(&json!({"status": "resolved"}))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    assert_eq!(resolved[0]["status"], "resolved");
    let next = dashboard.reads(&mine).await?;
    assert_eq!(next.as_array().map(Vec::len), Some(1));
    assert_ne!(next[0]["id"], first[0]["id"]);
    Ok(())
}

#[tokio::test]
async fn without_signing_in_nothing_is_to_be_seen() -> Result<()> {
    let dashboard = Dashboard::open().await?;
    receive(
        &dashboard.db,
        &dashboard.number,
        &[text(ZOE, "wamid.1", "Hello")],
    )
    .await?;
    for table in [
        "mod_chat_conversations",
        "mod_chat_messages",
        "mod_chat_visitors",
    ] {
        let answer = dashboard
            .request(Method::GET, &format!("/rest/v1/{table}?select=id"))
            .send()
            .await?;
        assert!(
            answer.status().is_client_error(),
            "{table}: {}",
            answer.status()
        );
    }
    Ok(())
}
