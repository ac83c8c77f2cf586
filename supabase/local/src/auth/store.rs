//! Users, sessions and refresh tokens in schema `auth`, as GoTrue keeps them.
//! Passwords are hashed and compared by pgcrypto.

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sqlx::types::Json;
use uuid::Uuid;

use super::refusal::Refusal;
use crate::error::Result;
use crate::keys::random_hex;
use crate::server::Server;

/// A row of `auth.users`; times as PostgreSQL writes them into JSON.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: Uuid,
    pub(super) aud: String,
    pub(super) role: String,
    pub(super) email: Option<String>,
    pub(super) raw_user_meta_data: Value,
    pub(super) is_anonymous: bool,
    raw_app_meta_data: Value,
    email_confirmed_at: Option<String>,
    last_sign_in_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl User {
    pub(super) fn app_metadata(&self) -> Value {
        self.raw_app_meta_data.clone()
    }

    /// The user as clients see it.
    pub(super) fn body(&self) -> Value {
        json!({
            "id": self.id,
            "aud": self.aud,
            "role": self.role,
            "email": self.email.as_deref().unwrap_or_default(),
            "email_confirmed_at": self.email_confirmed_at,
            "phone": "",
            "confirmed_at": self.email_confirmed_at,
            "last_sign_in_at": self.last_sign_in_at,
            "app_metadata": self.raw_app_meta_data,
            "user_metadata": self.raw_user_meta_data,
            "identities": [],
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "is_anonymous": self.is_anonymous,
        })
    }
}

/// A sign-in and the token that renews it.
pub(super) struct Session {
    pub(super) id: Uuid,
    /// Seconds since 1970.
    pub(super) opened_at: i64,
    pub(super) refresh_token: String,
}

pub(super) struct Store {
    pool: PgPool,
}

type Row = Option<Json<User>>;

impl Store {
    pub(super) async fn connect(server: &Server, database: &str) -> Result<Self> {
        let options = server.options("supabase_auth_admin", database);
        Ok(Self {
            pool: PgPoolOptions::new()
                .max_connections(4)
                .connect_with(options)
                .await?,
        })
    }

    /// A new user, confirmed at once; none when the address is taken.
    pub(super) async fn add(
        &self,
        email: &str,
        password: &str,
        metadata: Value,
    ) -> Result<Option<User>, Refusal> {
        let row: Row = sqlx::query_scalar(
            "insert into auth.users as u (email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data)
             values (lower($1), extensions.crypt($2, extensions.gen_salt('bf')), now(),
                     '{\"provider\": \"email\", \"providers\": [\"email\"]}', $3)
             on conflict (lower(email)) do nothing
             returning to_jsonb(u)",
        )
        .bind(email)
        .bind(password)
        .bind(metadata)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|Json(user)| user))
    }

    pub(super) async fn add_anonymous(&self, metadata: Value) -> Result<User, Refusal> {
        let Json(user) = sqlx::query_scalar(
            "insert into auth.users as u (is_anonymous, raw_user_meta_data) values (true, $1) returning to_jsonb(u)",
        )
        .bind(metadata)
        .fetch_one(&self.pool)
        .await?;
        Ok(user)
    }

    pub(super) async fn user_by_password(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<User>, Refusal> {
        let row: Row = sqlx::query_scalar(
            "update auth.users u set last_sign_in_at = now()
             where lower(u.email) = lower($1)
               and u.encrypted_password = extensions.crypt($2, u.encrypted_password)
               and (u.banned_until is null or u.banned_until < now())
             returning to_jsonb(u)",
        )
        .bind(email)
        .bind(password)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|Json(user)| user))
    }

    pub(super) async fn user_of_session(
        &self,
        session: Uuid,
        user: Uuid,
    ) -> Result<Option<User>, Refusal> {
        let row: Row = sqlx::query_scalar(
            "select to_jsonb(u) from auth.users u join auth.sessions s on s.user_id = u.id where s.id = $1 and u.id = $2",
        )
        .bind(session)
        .bind(user)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|Json(user)| user))
    }

    pub(super) async fn open_session(&self, user: Uuid) -> Result<Session, Refusal> {
        let refresh_token = random_hex::<16>();
        let (id, opened_at) = sqlx::query_as(
            "with s as (insert into auth.sessions (user_id) values ($1) returning *),
                  t as (insert into auth.refresh_tokens (token, session_id) select $2, id from s)
             select id, extract(epoch from created_at)::bigint from s",
        )
        .bind(user)
        .bind(&refresh_token)
        .fetch_one(&self.pool)
        .await?;
        Ok(Session {
            id,
            opened_at,
            refresh_token,
        })
    }

    /// Spends a refresh token for a new one. A token spent before ends its
    /// whole session: one of the two who hold it is a thief.
    pub(super) async fn refresh(&self, token: &str) -> Result<(User, Session), Refusal> {
        let refresh_token = random_hex::<16>();
        let spent: Option<(Uuid, i64, Json<User>)> = sqlx::query_as(
            "with spent as (update auth.refresh_tokens set revoked = true where token = $1 and not revoked returning *),
                  fresh as (insert into auth.refresh_tokens (token, session_id, parent)
                            select $2, session_id, token from spent)
             select s.id, extract(epoch from s.created_at)::bigint, to_jsonb(u)
             from spent join auth.sessions s on s.id = spent.session_id join auth.users u on u.id = s.user_id",
        )
        .bind(token)
        .bind(&refresh_token)
        .fetch_optional(&self.pool)
        .await?;
        if let Some((id, opened_at, Json(user))) = spent {
            return Ok((
                user,
                Session {
                    id,
                    opened_at,
                    refresh_token,
                },
            ));
        }
        let ended = sqlx::query(
            "delete from auth.sessions s using auth.refresh_tokens t where t.session_id = s.id and t.token = $1",
        )
        .bind(token)
        .execute(&self.pool)
        .await?;
        match ended.rows_affected() {
            0 => Err(Refusal::RefreshTokenNotFound),
            _ => Err(Refusal::RefreshTokenAlreadyUsed),
        }
    }

    pub(super) async fn close_session(&self, session: Uuid) -> Result<(), Refusal> {
        sqlx::query("delete from auth.sessions where id = $1")
            .bind(session)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends all sessions of `user`, or all but one.
    pub(super) async fn close_sessions(
        &self,
        user: Uuid,
        but: Option<Uuid>,
    ) -> Result<(), Refusal> {
        sqlx::query("delete from auth.sessions where user_id = $1 and id is distinct from $2")
            .bind(user)
            .bind(but)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Makes a user who can sign in, or gives an existing one this password.
pub async fn new_user(
    server: &Server,
    database: &str,
    id: Uuid,
    email: &str,
    password: &str,
) -> Result<()> {
    let store = Store::connect(server, database).await?;
    sqlx::query(
        "insert into auth.users (id, email, encrypted_password, email_confirmed_at, raw_app_meta_data)
         values ($1, lower($2), extensions.crypt($3, extensions.gen_salt('bf')), now(),
                 '{\"provider\": \"email\", \"providers\": [\"email\"]}')
         on conflict (id) do update set encrypted_password = excluded.encrypted_password",
    )
    .bind(id)
    .bind(email)
    .bind(password)
    .execute(&store.pool)
    .await?;
    store.pool.close().await;
    Ok(())
}
