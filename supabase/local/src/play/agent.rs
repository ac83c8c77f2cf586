//! An agent at the dashboard: signs in at `/auth/v1`, works through `/rest/v1`.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::http_client;
use crate::stack::{Login, Settings};

/// Somebody who signed in.
pub(super) struct Agent {
    client: Client,
    origin: String,
    key: String,
    token: String,
    /// Their row of `mod_chat_agents`.
    agent_id: String,
}

impl Agent {
    /// Signs in with a password.
    pub(super) async fn sign_in(
        client: &Client,
        settings: &Settings,
        login: &Login,
    ) -> Result<Self> {
        let url = format!(
            "{}/auth/v1/token?grant_type=password",
            settings.supabase_url
        );
        let request = client
            .post(url)
            .header("apikey", &settings.anon_key)
            .json(&json!({ "email": login.email, "password": login.password }));
        let session = answer(&format!("sign-in of {}", login.email), request).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut agent = Self {
            client: client.clone(),
            origin: settings.supabase_url.clone(),
            key: settings.anon_key.clone(),
            token: text(&session["access_token"]),
            agent_id: String::new(),
        };
        let query = format!(
            "site_id=eq.{}&user_id=eq.{}&select=id",
            settings.site_id,
            text(&session["user"]["id"])
        );
        let row = agent.row("mod_chat_agents", &query).await?;
        agent.agent_id =
            text(&row.ok_or_else(|| Error::Play(format!("{} is no agent", login.email)))?["id"]);
        Ok(agent)
    }

    /// Their row of `mod_chat_agents`.
    pub(super) fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// Rows of a table or view; `query` as PostgREST has it.
    pub(super) async fn rows(&self, table: &str, query: &str) -> Result<Vec<Value>> {
        let rows = answer(
            &format!("GET {table}"),
            self.request(Method::GET, &format!("{table}?{query}")),
        )
        .await?;
        match rows {
            Value::Array(rows) => Ok(rows),
            other => Err(Error::Play(format!(
                "GET {table} answered no rows but {other}"
            ))),
        }
    }

    /// The only row there is.
    pub(super) async fn row(&self, table: &str, query: &str) -> Result<Option<Value>> {
        let mut rows = self.rows(table, query).await?;
        match rows.len() {
            0 => Ok(None),
            1 => Ok(rows.pop()),
            n => Err(Error::Play(format!(
                "GET {table}?{query} found {n} rows instead of one"
            ))),
        }
    }

    /// Calls a function.
    pub(super) async fn call(&self, function: &str, arguments: &Value) -> Result<Value> {
        answer(
            function,
            self.request(Method::POST, &format!("rpc/{function}"))
                .json(arguments),
        )
        .await
    }

    /// Inserts a row and gets back what became of it.
    pub(super) async fn insert(&self, table: &str, row: &Value) -> Result<Value> {
        let request = self
            .request(Method::POST, table)
            .header("prefer", "return=representation")
            .json(row);
        let rows = answer(&format!("POST {table}"), request).await?;
        Ok(rows[0].clone())
    }

    /// Changes the rows that `query` finds.
    pub(super) async fn change(&self, table: &str, query: &str, columns: &Value) -> Result<()> {
        let request = self
            .request(Method::PATCH, &format!("{table}?{query}"))
            .json(columns);
        answer(&format!("PATCH {table}"), request).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/rest/v1/{path}", self.origin))
            .header("apikey", &self.key)
            .bearer_auth(&self.token)
    }
}

/// Sends a request and reads its JSON (null when there is no body).
pub(super) async fn answer(what: &str, request: RequestBuilder) -> Result<Value> {
    let failed = |source| Error::Http {
        what: what.to_owned(),
        source,
    };
    let response = http_client::send(what, request).await?;
    let status = response.status();
    let body = response.text().await.map_err(failed)?;
    if !status.is_success() {
        return Err(Error::Play(format!("{what} was answered {status}: {body}")));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body)
        .map_err(|error| Error::Play(format!("{what} was answered with what is no JSON: {error}")))
}
