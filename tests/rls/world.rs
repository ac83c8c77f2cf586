//! Sites that are alike, with everybody who belongs to them, and a row of everything that people can reach.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Regime, Session, Site, TestDb};
use sqlx::AssertSqlSafe;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::objects::Relation;

/// Three agencies with a site each.
#[derive(Debug)]
pub struct World {
    /// The database, of its own.
    pub db: TestDb,
    /// The site that personas belong to.
    pub a: House,
    /// The foreign one.
    pub b: House,
    /// One whose roles may little: its supervisor sees own chats only, its agent may view and no more, its admin has no
    /// permission at all.
    pub c: House,
}

/// A site, its people and its rows. Every agent is offline, so nothing is assigned but by hand.
#[derive(Debug, Clone)]
pub struct House {
    /// The site with its agency and its owner.
    pub site: Site,
    /// A member of the agency with the role `member`.
    pub member: Uuid,
    /// A member of the agency with the role `admin`.
    pub agency_admin: Uuid,
    /// An agent with the role `agent`.
    pub agent: Agent,
    /// An agent with the role `supervisor`.
    pub supervisor: Agent,
    /// An agent with the role `admin`.
    pub admin: Agent,
    /// An admin who was deactivated.
    pub deactivated: Agent,
    /// The only department; nobody belongs to it.
    pub department: Uuid,
    /// The only visitor.
    pub visitor: Uuid,
    /// Their live session.
    pub session: Session,
    /// A conversation of theirs on the widget, assigned to `agent` and active.
    pub conversation: Uuid,
    /// The visitor's message in it.
    pub message: Uuid,
}

impl World {
    /// Under the regime of today's projects.
    pub async fn new() -> Result<Self> {
        Self::under(Regime::New).await
    }

    /// Under a regime of default privileges: a copy of the one that this process has made.
    pub async fn under(regime: Regime) -> Result<Self> {
        static NEW: OnceCell<World> = OnceCell::const_new();
        static OLD: OnceCell<World> = OnceCell::const_new();
        let made = match regime {
            Regime::New => &NEW,
            Regime::Old => &OLD,
        };
        let world = made.get_or_try_init(|| Self::make(regime)).await?;
        world.copy().await
    }

    async fn make(regime: Regime) -> Result<Self> {
        let db = TestDb::clone_of(regime).await?;
        let a = House::make(&db).await?;
        let b = House::make(&db).await?;
        let c = House::make(&db).await?;
        let world = Self { db, a, b, c };
        // A host's own tables, which chat_import_waba reads.
        world
            .as_owner(
                "create table public.waba_accounts (waba_id text, user_id uuid, access_token text);
                create table public.phone_numbers (waba_id text, phone_number_id text);
                alter table public.waba_accounts enable row level security;
                alter table public.phone_numbers enable row level security;
                revoke all on public.waba_accounts, public.phone_numbers from anon, authenticated, service_role;",
            )
            .await?;
        world
            .as_owner(&format!(
                "insert into chat.role_limits (site_id, role, sees) values ('{site}', 'supervisor', 'own');
                insert into chat.permissions (site_id, role, permission, allowed)
                select '{site}', r.role, p.permission, r.role = 'agent' and p.permission = 'live-chat.conversations.view'
                from (values ('agent'), ('admin')) r (role)
                cross join (select distinct x.permission from chat.permissions x where x.site_id is null) p",
                site = world.c.site.id
            ))
            .await?;
        world.db.leave().await;
        Ok(world)
    }

    /// The same world in a copy of its database, which nobody may be connected to: see [`TestDb::leave`].
    pub async fn copy(&self) -> Result<Self> {
        let db = self.db.copy().await?;
        let [a, b, c] = [&self.a, &self.b, &self.c].map(|house| House {
            site: house.site.in_copy(&db),
            ..house.clone()
        });
        Ok(Self { db, a, b, c })
    }

    /// All three houses.
    pub fn houses(&self) -> [&House; 3] {
        [&self.a, &self.b, &self.c]
    }

    /// Runs statements as the owner of every object.
    pub async fn as_owner(&self, statements: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(self.db.owner())
            .await?;
        Ok(())
    }

    /// One value, asked by the owner of every object, as text.
    pub async fn look(&self, query: &str) -> Result<String> {
        let value: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("select ({query})::text")))
                .fetch_one(self.db.owner())
                .await?;
        Ok(value.unwrap_or_else(|| "null".to_owned()))
    }
}

impl House {
    async fn make(db: &TestDb) -> Result<Self> {
        let site = Site::make(db).await?;
        let is = |role| AgentIs {
            role,
            status: "offline",
            ..AgentIs::default()
        };
        let agent = site.agent("Ada", is("agent")).await?;
        let supervisor = site.agent("Sue", is("supervisor")).await?;
        let admin = site.agent("Adam", is("admin")).await?;
        let deactivated = site.agent("Dan", is("admin")).await?;
        let department = site.department("Sales", 5).await?;
        let session = site.session(db).await?;
        let visitor = session.visitor;
        let conversation = site.conversation(visitor).await?;
        let rows = format!(
            "update mod_chat_agents set is_active = false where id = '{deactivated}';
            update mod_chat_conversations set assigned_agent_id = '{agent}' where id = '{conversation}';
            insert into mod_chat_canned_responses (site_id, title, content) values ('{site}', 'Hello', 'Hello!');
            insert into mod_chat_knowledge_base (site_id, title, content) values ('{site}', 'Hours', 'Nine to five.');
            insert into mod_chat_analytics (site_id, date) values ('{site}', '2026-01-01');
            update mod_chat_visitors set name = 'Zoe' where id = '{visitor}';
            update mod_chat_widget_settings set business_hours = {HOURS} where site_id = '{site}';
            insert into chat.saved_views (site_id, name, filters, created_by, is_shared, sort_order)
            values ('{site}', 'Urgent', '{{\"priority\": \"urgent\"}}', '{supervisor}', true, 1);",
            deactivated = deactivated.id,
            agent = agent.id,
            supervisor = supervisor.user,
            site = site.id,
        );
        sqlx::raw_sql(AssertSqlSafe(rows))
            .execute(db.owner())
            .await?;
        let message = sqlx::query_scalar(
            "insert into mod_chat_messages (conversation_id, sender_type, content) values ($1, 'visitor', 'Hi')
            returning id",
        )
        .bind(conversation)
        .fetch_one(db.owner())
        .await?;
        let (member, agency_admin) = (site.member("member").await?, site.member("admin").await?);
        Ok(Self {
            site,
            member,
            agency_admin,
            agent,
            supervisor,
            admin,
            deactivated,
            department,
            visitor,
            session,
            conversation,
            message,
        })
    }

    /// Which rows of a relation belong to this site. `None`: no column says.
    pub fn rows_of(&self, relation: &Relation) -> Option<String> {
        match relation.name.as_str() {
            "sites" => Some(format!("id = '{}'", self.site.id)),
            "agencies" => Some(format!("id = '{}'", self.site.agency)),
            "agency_members" => Some(format!("agency_id = '{}'", self.site.agency)),
            _ => {
                let has_site = relation
                    .columns
                    .iter()
                    .any(|column| column.name == "site_id");
                has_site.then(|| format!("site_id = '{}'", self.site.id))
            }
        }
    }

    /// Puts this site's ids into a text: `{site}`, `{conversation}` and so on; `{new}` is one that only this site has.
    pub fn fill(&self, text: &str) -> String {
        let of = [
            ("{site}", self.site.id),
            ("{owner}", self.site.owner),
            ("{member}", self.member),
            ("{agent}", self.agent.id),
            ("{agent_user}", self.agent.user),
            ("{supervisor}", self.supervisor.id),
            ("{supervisor_user}", self.supervisor.user),
            ("{admin}", self.admin.id),
            ("{department}", self.department),
            ("{visitor}", self.visitor),
            ("{session}", self.session.id),
            ("{conversation}", self.conversation),
            ("{message}", self.message),
            ("{new}", Uuid::from_u128(!self.site.id.as_u128())),
        ];
        let text = text.replace("{key}", &self.session.key);
        of.iter()
            .fold(text, |text, (name, id)| text.replace(name, &id.to_string()))
    }

    /// What a new row of a table must say at least, as columns and literals; a row of this site.
    pub fn new_row(&self, table: &str) -> Vec<(&'static str, String)> {
        let site = || ("site_id", quoted(self.site.id));
        let text = |column| (column, "'new'".to_owned());
        match table {
            "agencies" => vec![text("name")],
            "sites" => vec![("agency_id", quoted(self.site.agency)), text("name")],
            "agency_members" => {
                vec![
                    ("agency_id", quoted(self.site.agency)),
                    ("user_id", "gen_random_uuid()".to_owned()),
                ]
            }
            "mod_chat_departments" => vec![site(), text("name")],
            "mod_chat_agents" => vec![
                site(),
                ("user_id", "gen_random_uuid()".to_owned()),
                text("display_name"),
            ],
            "mod_chat_conversations" => vec![site(), ("visitor_id", quoted(self.visitor))],
            "mod_chat_messages" => vec![
                ("conversation_id", quoted(self.conversation)),
                ("sender_type", "'agent'".to_owned()),
                text("content"),
            ],
            "mod_chat_canned_responses" | "mod_chat_knowledge_base" => {
                vec![site(), text("title"), text("content")]
            }
            "mod_chat_analytics" => vec![site(), ("date", "'2026-01-02'".to_owned())],
            "mod_chat_visitors" => vec![site()],
            // Hours are turned on only where there are some.
            "mod_chat_widget_settings" => vec![site(), ("business_hours", HOURS.to_owned())],
            _ => Vec::new(),
        }
    }

    /// What a column of this site's row can be changed to, where its type does not tell.
    pub fn new_value(&self, table: &str, column: &str) -> Option<String> {
        Some(match (table, column) {
            (_, "assigned_agent_id") => quoted(self.supervisor.id),
            (_, "department_id") => quoted(self.department),
            (_, "sender_id") => quoted(self.agent.id),
            ("mod_chat_conversations", "status") => "'resolved'".to_owned(),
            ("mod_chat_messages", "reply_to_id") => quoted(self.message),
            ("mod_chat_messages", "mentions") => "'{}'".to_owned(),
            ("mod_chat_messages", "status") => "'read'".to_owned(),
            ("mod_chat_messages", "file_url") => "'https://example.org/a.jpg'".to_owned(),
            (_, "channel") => "'api'".to_owned(),
            (_, "merged_into") => quoted(self.visitor),
            (_, "blocked_ips") => "'{192.0.2.1}'".to_owned(),
            (_, "timezone") => "'Asia/Kolkata'".to_owned(),
            (_, "business_hours") => HOURS.replace("17:00", "18:00"),
            (_, "priority") => "'high'".to_owned(),
            (_, "kind" | "content_type") => "'note'".to_owned(),
            _ => return None,
        })
    }
}

const HOURS: &str = r#"'{"week": {"monday": [{"start": "09:00", "end": "17:00"}]}}'"#;

fn quoted(id: Uuid) -> String {
    format!("'{id}'")
}
