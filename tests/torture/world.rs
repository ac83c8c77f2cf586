//! Who there is: three sites of two agencies, the people who work there, their numbers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use pg_chat_tests::{AgentIs, Number, Site, TestDb};
use serde_json::Value;
use uuid::Uuid;

use crate::known::Known;

/// Agents' roles at each site.
const ROLES: [&str; 6] = [
    "agent",
    "agent",
    "agent",
    "supervisor",
    "supervisor",
    "admin",
];

/// A site and everybody of it.
pub struct Place {
    pub site: Site,
    pub number: Number,
    /// Users with an agent row, and the owner and an admin of the agency.
    pub staff: Vec<Uuid>,
    /// Proves its users to chat_identify.
    identity_key: Mutex<String>,
    /// Nobody is erased here, and nobody is handed a chat but by routing: figures and room are exact.
    pub strict: bool,
}

impl Place {
    /// The key that proves its users now.
    pub fn identity_key(&self) -> String {
        self.identity_key
            .lock()
            .map_or_else(|_| String::new(), |key| key.clone())
    }

    /// Another key from now on.
    pub fn keep_identity_key(&self, key: &Value) {
        if let (Ok(mut kept), Some(key)) = (self.identity_key.lock(), key.as_str()) {
            key.clone_into(&mut kept);
        }
    }
}

/// Everything that calls are about.
pub struct World {
    pub places: Vec<Place>,
    /// Signed in, and of no agency.
    pub stranger: Uuid,
    /// Calls that were begun; so that new people turn up all the time.
    pub begun: AtomicUsize,
    /// What there is, as whoever looked last saw it.
    known: Mutex<Arc<Known>>,
}

impl World {
    pub async fn make(db: &TestDb) -> Result<Self> {
        // A host's own tables, which chat_import_waba takes over.
        sqlx::raw_sql(
            "create table public.waba_accounts (waba_id text primary key, user_id uuid, owner_business_id text);
            create table public.phone_numbers (waba_id text, phone_number_id text, display_phone_number text, verified_name text)",
        )
        .execute(db.owner())
        .await?;
        let mut places = Vec::new();
        for n in 0..3 {
            let site = Site::make(db).await?;
            let number = site.number(db, &format!("10654035224292{n}")).await?;
            let mut staff = vec![site.owner, site.member("admin").await?];
            let mut departments = vec![None];
            for (name, most) in [("Sales", 2), ("Support", 4)] {
                departments.push(Some(site.department(name, most).await?));
            }
            for (place, role) in ROLES.into_iter().enumerate() {
                let is = AgentIs {
                    role,
                    max: 4,
                    department: departments[place % 3],
                    ..AgentIs::default()
                };
                staff.push(site.agent(&format!("Agent {place}"), is).await?.user);
            }
            // Nobody waits for an allowance here.
            db.as_owner(&format!(
                "insert into mod_chat_widget_settings (site_id, sessions_per_minute, address_sessions_per_minute,
                    messages_per_minute, address_messages_per_minute, pre_chat_department_selector)
                values ('{}', 100000, 100000, 100000, 100000, true)",
                site.id
            ))
            .await?;
            let said = db
                .as_user(site.owner)
                .await?
                .rows(&format!(
                    "select chat_rotate_identity_key('{}') as said",
                    site.id
                ))
                .await?;
            let identity_key = said[0]["said"]["key"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            places.push(Place {
                site,
                number,
                staff,
                identity_key: Mutex::new(identity_key),
                strict: n == 2,
            });
        }
        Ok(Self {
            places,
            stranger: Uuid::new_v4(),
            begun: AtomicUsize::new(0),
            known: Mutex::default(),
        })
    }

    /// What was seen last.
    pub fn known(&self) -> Arc<Known> {
        self.known
            .lock()
            .map_or_else(|_| Arc::default(), |known| Arc::clone(&known))
    }

    /// Shows everybody what somebody has seen.
    pub fn see(&self, known: Known) {
        if let Ok(mut seen) = self.known.lock() {
            *seen = Arc::new(known);
        }
    }

    /// The place that an answer speaks of.
    pub fn place_of(&self, site: &Value) -> Option<&Place> {
        self.places
            .iter()
            .find(|place| site.as_str() == Some(&place.site.id.to_string()))
    }

    /// How many people have turned up so far.
    pub fn people(&self) -> usize {
        30 + self.begun.load(Ordering::Relaxed) / 100
    }
}
