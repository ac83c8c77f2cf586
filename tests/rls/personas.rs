//! Everybody who may come to the database, as seen from site A.

use anyhow::Result;
use pg_chat_tests::Person;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::world::{House, World};

/// Somebody, named as in `expected.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persona {
    /// The anon key and no token.
    Anon,
    /// Anon with the token of a live session of site A's visitor.
    Visitor,
    /// Signed in with Supabase Auth, and no more than that.
    Customer,
    /// A plain member of the agency, no agent.
    Member,
    /// An agent of site A who was deactivated.
    Deactivated,
    /// An agent of site A.
    Agent,
    /// A supervisor of site A.
    Supervisor,
    /// An admin among the agents of site A.
    Admin,
    /// The owner of the agency, with no agent row.
    Owner,
    /// An admin of the agency, with no agent row.
    AgencyAdmin,
    /// An agent of site B. Their own site is B, and A is foreign.
    Neighbour,
    /// The service key.
    ServiceRole,
    /// The worker's login.
    Worker,
}

impl Persona {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Anon,
        Self::Visitor,
        Self::Customer,
        Self::Member,
        Self::Deactivated,
        Self::Agent,
        Self::Supervisor,
        Self::Admin,
        Self::Owner,
        Self::AgencyAdmin,
        Self::Neighbour,
        Self::ServiceRole,
        Self::Worker,
    ];

    /// Their own site, and the foreign one. Somebody without a site counts as one of A.
    pub fn sites(self, world: &World) -> (&House, &House) {
        match self {
            Self::Neighbour => (&world.b, &world.a),
            _ => (&world.a, &world.b),
        }
    }

    /// Lets them come in.
    pub async fn enter(self, world: &World) -> Result<Person> {
        let (db, a) = (&world.db, &world.a);
        match self {
            Self::Anon => db.as_anon().await,
            Self::Visitor => db.as_visitor(&a.session).await,
            Self::Customer => db.as_user(Uuid::new_v4()).await,
            Self::Member => db.as_user(a.member).await,
            Self::Deactivated => db.as_user(a.deactivated.user).await,
            Self::Agent => db.as_user(a.agent.user).await,
            Self::Supervisor => db.as_user(a.supervisor.user).await,
            Self::Admin => db.as_user(a.admin.user).await,
            Self::Owner => db.as_user(a.site.owner).await,
            Self::AgencyAdmin => db.as_user(a.agency_admin).await,
            Self::Neighbour => db.as_user(world.b.agent.user).await,
            Self::ServiceRole => {
                db.as_caller("service_role", json!({"role": "service_role"}))
                    .await
            }
            Self::Worker => db.as_caller("chat_worker", json!({})).await,
        }
    }
}
