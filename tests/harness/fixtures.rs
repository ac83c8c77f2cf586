//! A site and what belongs to it.

use crate::lines::Door;
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::TestDb;

/// A site, its agency and the agency's owner.
#[derive(Debug, Clone)]
pub struct Site {
    /// `sites.id`
    pub id: Uuid,
    /// `agencies.id`
    pub agency: Uuid,
    /// The user who owns the agency.
    pub owner: Uuid,
    pool: Door,
}

/// An agent and the user they sign in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// `mod_chat_agents.id`
    pub id: Uuid,
    /// `auth.uid()` of this person.
    pub user: Uuid,
}

/// What an agent is like; the default is online with room for five.
#[derive(Debug, Clone, Copy)]
pub struct AgentIs {
    /// agent, supervisor or admin
    pub role: &'static str,
    /// online, away, busy or offline
    pub status: &'static str,
    /// Capacity.
    pub max: i32,
    /// The department they work in.
    pub department: Option<Uuid>,
}

impl Default for AgentIs {
    fn default() -> Self {
        Self {
            role: "agent",
            status: "online",
            max: 5,
            department: None,
        }
    }
}

/// A confirmed WhatsApp number and the app that signs for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Graph's id of the number.
    pub phone_number_id: String,
    /// Its WhatsApp Business Account.
    pub waba_id: String,
    /// `chat.whatsapp_apps.id`
    pub app: Uuid,
    /// `chat.whatsapp_accounts.id`
    pub account: Uuid,
}

/// A visitor's session, and what their browser keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `chat.sessions.id`
    pub id: Uuid,
    /// The site it is at.
    pub site: Uuid,
    /// `mod_chat_visitors.id`
    pub visitor: Uuid,
    /// What renews the token.
    pub key: String,
    /// What the browser sends.
    pub token: String,
}

impl Session {
    /// Reads what `chat_open_session` answered.
    pub fn of(answer: &Value) -> Result<Self> {
        let text = |name: &str| -> Result<String> {
            let value = answer[name].as_str();
            Ok(value
                .with_context(|| format!("no {name} in {answer}"))?
                .to_owned())
        };
        Ok(Self {
            id: text("session_id")?.parse()?,
            site: text("site_id")?.parse()?,
            visitor: text("visitor_id")?.parse()?,
            key: text("key")?,
            token: text("token")?,
        })
    }

    /// The claims in the token, whose signature nobody checks here.
    pub fn claims(&self) -> Result<Value> {
        let payload = self.token.split('.').nth(1).context("not a token")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
    }
}

impl Site {
    /// Opens the widget as somebody new.
    pub async fn session(&self, db: &TestDb) -> Result<Session> {
        let mut anon = db.as_anon().await?;
        let open = format!("select chat_open_session('{}') as answer", self.id);
        Session::of(&anon.rows(&open).await?[0]["answer"])
    }

    /// The same site in a copy of its database.
    pub fn in_copy(&self, db: &TestDb) -> Self {
        Self {
            pool: db.owner().clone(),
            ..self.clone()
        }
    }

    /// Makes one with an agency and an owner of its own.
    pub async fn make(db: &TestDb) -> Result<Self> {
        let owner = Uuid::new_v4();
        let (id, agency) = sqlx::query_as(
            "with agency as (insert into public.agencies (name) values ('Agency') returning id),
                site as (insert into public.sites (agency_id, name) select id, 'Site' from agency returning id, agency_id),
                member as (insert into public.agency_members (agency_id, user_id, role) select id, $1, 'owner' from agency)
            select id, agency_id from site",
        )
        .bind(owner)
        .fetch_one(db.owner())
        .await?;
        Ok(Self {
            id,
            agency,
            owner,
            pool: db.owner().clone(),
        })
    }

    /// Says how the site hands out its chats: a strategy of `chat_save_routing`.
    pub async fn hand_out_by(&self, strategy: &str) -> Result<()> {
        sqlx::query("insert into chat.routing_settings (site_id, strategy) values ($1, $2)")
            .bind(self.id)
            .bind(strategy)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Makes a user a member of the agency: owner, admin or member.
    pub async fn member(&self, role: &str) -> Result<Uuid> {
        let user = Uuid::new_v4();
        sqlx::query(
            "insert into public.agency_members (agency_id, user_id, role) values ($1, $2, $3)",
        )
        .bind(self.agency)
        .bind(user)
        .bind(role)
        .execute(&self.pool)
        .await?;
        Ok(user)
    }

    /// Makes a department in which every agent may have so many chats.
    pub async fn department(&self, name: &str, max: i32) -> Result<Uuid> {
        let id = sqlx::query_scalar(
            "insert into public.mod_chat_departments (site_id, name, max_concurrent_chats) values ($1, $2, $3) returning id",
        )
        .bind(self.id)
        .bind(name)
        .bind(max)
        .fetch_one(&self.pool)
        .await?;
        Ok(id)
    }

    /// Makes an agent of a new user.
    pub async fn agent(&self, name: &str, is: AgentIs) -> Result<Agent> {
        let user = Uuid::new_v4();
        let id = sqlx::query_scalar(
            "insert into public.mod_chat_agents
                (site_id, user_id, display_name, role, status, max_concurrent_chats, department_id)
            values ($1, $2, $3, $4, $5, $6, $7) returning id",
        )
        .bind(self.id)
        .bind(user)
        .bind(name)
        .bind(is.role)
        .bind(is.status)
        .bind(is.max)
        .bind(is.department)
        .fetch_one(&self.pool)
        .await?;
        Ok(Agent { id, user })
    }

    /// Makes a visitor of the widget.
    pub async fn visitor(&self, name: &str) -> Result<Uuid> {
        let id = sqlx::query_scalar(
            "insert into public.mod_chat_visitors (site_id, name) values ($1, $2) returning id",
        )
        .bind(self.id)
        .bind(name)
        .fetch_one(&self.pool)
        .await?;
        Ok(id)
    }

    /// Opens a conversation of the widget; who gets it is decided at its commit.
    pub async fn conversation(&self, visitor: Uuid) -> Result<Uuid> {
        let id = sqlx::query_scalar(
            "insert into public.mod_chat_conversations (site_id, visitor_id) values ($1, $2) returning id",
        )
        .bind(self.id)
        .bind(visitor)
        .fetch_one(&self.pool)
        .await?;
        Ok(id)
    }

    /// Makes a number that Graph has confirmed, by doing what the worker does at its start: register it, and carry
    /// out the job that confirms it.
    pub async fn number(&self, db: &TestDb, phone_number_id: &str) -> Result<Number> {
        let waba_id = format!("9{phone_number_id}");
        let known: Value = sqlx::query_scalar(
            "select public.chat_register_whatsapp('environment', $1, $2, $3, 'v26.0', '1001')",
        )
        .bind(self.id)
        .bind(&waba_id)
        .bind(phone_number_id)
        .fetch_one(db.as_worker())
        .await?;
        let jobs: Value = sqlx::query_scalar("select public.chat_claim_jobs(1)")
            .fetch_one(db.as_worker())
            .await?;
        ensure!(
            jobs[0]["kind"] == "whatsapp.confirm_number",
            "another job stands in the way: {jobs}"
        );
        let details = json!({"id": phone_number_id, "display_phone_number": "+1 555-010-0001", "verified_name": "Site",
            "throughput": {"level": "HIGH"}});
        let said: Value =
            sqlx::query_scalar("select public.chat_confirm_number(($1 ->> 'number')::uuid, $2)")
                .bind(&known)
                .bind(details)
                .fetch_one(db.as_worker())
                .await?;
        ensure!(
            said["confirmed"] == true,
            "the number was not confirmed: {said}"
        );
        sqlx::query("select public.chat_finish_job(($1 ->> 'job_id')::bigint, ($1 ->> 'lease_token')::uuid, '{\"is\": \"done\"}')")
            .bind(&jobs[0])
            .execute(db.as_worker())
            .await?;
        // Its templates have been looked at: a story about something else finds no job that it did not make.
        db.as_owner(
            "insert into chat.template_syncs (account_id, site_id, due_at, complete_at)
            select a.id, a.site_id, now() + interval '1 day', now() from chat.whatsapp_accounts a
            on conflict do nothing",
        )
        .await?;
        let id = |key: &str| -> Result<Uuid> { Ok(serde_json::from_value(known[key].clone())?) };
        Ok(Number {
            phone_number_id: phone_number_id.to_owned(),
            waba_id,
            app: id("app")?,
            account: id("account")?,
        })
    }
}
