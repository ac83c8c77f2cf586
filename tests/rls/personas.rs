//! Everybody who may come to the database, as seen from site A.

use anyhow::Result;
use pg_chat_tests::Caller;
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
    /// A supervisor whose role sees own chats only, and who has none. Their own site is C.
    Limited,
    /// An agent whose role may view and no more, of site C.
    Reader,
    /// An admin among agents whose role has no permission at all, of site C.
    Powerless,
    /// The service key.
    ServiceRole,
    /// The worker's login.
    Worker,
}

impl Persona {
    /// All of them.
    pub const ALL: [Self; 16] = [
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
        Self::Limited,
        Self::Reader,
        Self::Powerless,
        Self::ServiceRole,
        Self::Worker,
    ];

    /// Their own site, and the foreign one. Somebody without a site counts as one of A.
    pub fn sites(self, world: &World) -> (&House, &House) {
        match self {
            Self::Neighbour => (&world.b, &world.a),
            Self::Limited | Self::Reader | Self::Powerless => (&world.c, &world.b),
            _ => (&world.a, &world.b),
        }
    }

    /// How they come in.
    pub fn caller(self, world: &World) -> Result<Caller> {
        let (a, c) = (&world.a, &world.c);
        Ok(match self {
            Self::Anon => Caller::anon(),
            Self::Visitor => return Caller::visitor(&a.session),
            Self::Customer => Caller::user(Uuid::new_v4()),
            Self::Member => Caller::user(a.member),
            Self::Deactivated => Caller::user(a.deactivated.user),
            Self::Agent => Caller::user(a.agent.user),
            Self::Supervisor => Caller::user(a.supervisor.user),
            Self::Admin => Caller::user(a.admin.user),
            Self::Owner => Caller::user(a.site.owner),
            Self::AgencyAdmin => Caller::user(a.agency_admin),
            Self::Neighbour => Caller::user(world.b.agent.user),
            Self::Limited => Caller::user(c.supervisor.user),
            Self::Reader => Caller::user(c.agent.user),
            Self::Powerless => Caller::user(c.admin.user),
            Self::ServiceRole => Caller::with("service_role", json!({"role": "service_role"})),
            Self::Worker => Caller::with("chat_worker", json!({})),
        })
    }
}
