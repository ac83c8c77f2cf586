//! Addresses and keys of a running stack: what its clients are told.

use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cast::{ADA, BEN, BUSINESS_ACCOUNT_ID, DATABASE, PHONE_NUMBER_ID, SITE_ID};
use super::state::Secrets;
use crate::error::{Doing, Result};
use crate::ports::{Ports, url};
use crate::private_file;
use crate::server::{OWNER, Server};

/// Everything a client may need. Holds secrets, so it has no Debug.
#[derive(Clone, Serialize, Deserialize)]
pub struct Settings {
    /// What `createClient` is given.
    pub supabase_url: String,
    /// Key of role `anon`.
    pub anon_key: String,
    /// Key of role `service_role`.
    pub service_role_key: String,
    /// Signs both, and users' tokens.
    pub jwt_secret: String,
    /// Role `postgres`, owner of the database.
    pub database_url: String,
    /// Base of the worker's routes.
    pub worker_url: String,
    /// Base of the Graph simulator.
    pub graph_url: String,
    /// The site of the seed.
    pub site_id: Uuid,
    /// Ada and Ben: address and password.
    pub agents: [Login; 2],
    /// The dashboard's names for Meta's things.
    pub whatsapp: WhatsApp,
}

/// How somebody signs in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// The values of LC-00's `WHATSAPP_*`.
#[derive(Clone, Serialize, Deserialize)]
pub struct WhatsApp {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The WhatsApp Business Account.
    pub business_account_id: String,
    /// Opens the Graph API.
    pub access_token: String,
    /// Answers Meta's challenge.
    pub verify_token: String,
    /// Signs webhooks.
    pub app_secret: String,
}

impl Settings {
    /// Those of the stack on `ports` with these secrets.
    pub fn of(ports: Ports, secrets: &Secrets) -> Self {
        let now = jiff::Timestamp::now().as_second();
        let login = |email: &str, password: &String| Login {
            email: email.to_owned(),
            password: password.clone(),
        };
        Self {
            supabase_url: url(ports.api()),
            anon_key: secrets.jwt.api_key("anon", now),
            service_role_key: secrets.jwt.api_key("service_role", now),
            jwt_secret: secrets.jwt.reveal().to_owned(),
            database_url: Server::on(ports.database()).url(OWNER, DATABASE),
            worker_url: url(ports.worker()),
            graph_url: url(ports.graph()),
            site_id: SITE_ID,
            agents: [
                login(ADA.email, &secrets.ada_password),
                login(BEN.email, &secrets.ben_password),
            ],
            whatsapp: WhatsApp {
                phone_number_id: PHONE_NUMBER_ID.to_owned(),
                business_account_id: BUSINESS_ACCOUNT_ID.to_owned(),
                access_token: secrets.access_token.clone(),
                verify_token: secrets.verify_token.clone(),
                app_secret: secrets.app_secret.clone(),
            },
        }
    }

    /// Writes them as `NAME=value` lines, readable by the owner only.
    pub fn write_env(&self, path: &Path) -> Result<()> {
        let mut file = private_file::create(path)?;
        file.write_all(self.env().as_bytes()).doing("write", path)
    }

    fn env(&self) -> String {
        let site = self.site_id.to_string();
        let [ada, _] = &self.agents;
        let lines = [
            ("SUPABASE_URL", self.supabase_url.as_str()),
            ("SUPABASE_ANON_KEY", &self.anon_key),
            ("SUPABASE_SERVICE_ROLE_KEY", &self.service_role_key),
            ("SUPABASE_JWT_SECRET", &self.jwt_secret),
            ("NEXT_PUBLIC_SUPABASE_URL", &self.supabase_url),
            ("NEXT_PUBLIC_SUPABASE_ANON_KEY", &self.anon_key),
            ("DATABASE_URL", &self.database_url),
            ("WORKER_URL", &self.worker_url),
            ("GRAPH_URL", &self.graph_url),
            ("SITE_ID", &site),
            ("AGENT_EMAIL", &ada.email),
            ("AGENT_PASSWORD", &ada.password),
            ("WHATSAPP_PHONE_NUMBER_ID", &self.whatsapp.phone_number_id),
            (
                "WHATSAPP_BUSINESS_ACCOUNT_ID",
                &self.whatsapp.business_account_id,
            ),
            ("WHATSAPP_ACCESS_TOKEN", &self.whatsapp.access_token),
            ("WHATSAPP_VERIFY_TOKEN", &self.whatsapp.verify_token),
            ("WHATSAPP_APP_SECRET", &self.whatsapp.app_secret),
        ];
        lines
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }

    /// What a person at the terminal wants to know.
    pub fn summary(&self) -> String {
        let Self {
            supabase_url,
            anon_key,
            service_role_key,
            database_url,
            worker_url,
            graph_url,
            agents,
            ..
        } = self;
        let [ada, ben] = agents;
        format!(
            "Supabase        {supabase_url}\n\
             worker          {worker_url}\n\
             phones          {graph_url}/phones\n\
             a visitor       {supabase_url}/demo/visitor\n\
             an agent        {supabase_url}/demo/agent\n\
             PostgreSQL      {database_url}\n\
             anon key        {anon_key}\n\
             service key     {service_role_key}\n\
             Ada             {} / {}\n\
             Ben             {} / {}\n\
             \n\
             Try:\n\
             psql '{database_url}' -c 'select session_number, status, last_message_text from mod_chat_conversations'\n\
             curl -s '{supabase_url}/rest/v1/mod_chat_messages?select=seq,sender_type,content,delivery_state' -H 'apikey: {service_role_key}'",
            ada.email, ada.password, ben.email, ben.password,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_env_file_has_every_name_once() {
        let env = Settings::of(Ports::from(50_000), &Secrets::random()).env();
        let names: Vec<&str> = env
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "SUPABASE_URL",
                "SUPABASE_ANON_KEY",
                "SUPABASE_SERVICE_ROLE_KEY",
                "SUPABASE_JWT_SECRET",
                "NEXT_PUBLIC_SUPABASE_URL",
                "NEXT_PUBLIC_SUPABASE_ANON_KEY",
                "DATABASE_URL",
                "WORKER_URL",
                "GRAPH_URL",
                "SITE_ID",
                "AGENT_EMAIL",
                "AGENT_PASSWORD",
                "WHATSAPP_PHONE_NUMBER_ID",
                "WHATSAPP_BUSINESS_ACCOUNT_ID",
                "WHATSAPP_ACCESS_TOKEN",
                "WHATSAPP_VERIFY_TOKEN",
                "WHATSAPP_APP_SECRET",
            ]
        );
        assert!(
            env.contains("DATABASE_URL=postgresql://postgres:postgres@127.0.0.1:50003/postgres\n")
        );
    }
}
