//! Everything that visitors' pages ever receive, frame by frame and answer by answer: no note, nobody else, no agent
//! but as the site shows them, no setting that is not public. And whether that would be noticed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use local_stack::auth;
use pg_chat_tests::{
    Agent, AgentIs, Clients, Origin, Recording, Secret, Site, TestDb, secrets_of, wait_until,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// The numbers of the clients.
const ZOE: usize = 0;
const MAX: usize = 1;
const ADA: usize = 2;
const BEN: usize = 3;

/// Two visitors and two agents of a site that hides its agents and has a value in every setting.
struct Stage {
    clients: Clients,
    ada: Agent,
    ben: Agent,
    visitors: BTreeMap<usize, Uuid>,
    site: Site,
    _origin: Origin,
    folder: TempDir,
    db: TestDb,
}

impl Stage {
    /// Two visitors who have filled in the form, two agents who see both. `planted`: what is done to the database before.
    async fn open(planted: &str) -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        db.as_owner(&format!(
            "insert into public.mod_chat_widget_settings (site_id, show_agent_name, show_agent_avatar, company_name,
                privacy_text, whatsapp_phone_number, whatsapp_phone_number_id, whatsapp_business_account_id,
                whatsapp_welcome_template, blocked_ips)
            values ('{}', false, false, 'The Shop', 'We keep what you write.', '+49 155 00009999', '106540352249999',
                '106540352248888', 'template_of_a_welcome', '{{203.0.113.77}}')",
            site.id
        ))
        .await?;
        let is = AgentIs {
            role: "supervisor",
            ..AgentIs::default()
        };
        let mut agents = Vec::new();
        for name in ["Ada Lovelace", "Ben Nevis-Hidden"] {
            let agent = site.agent(name, is).await?;
            let first = name.split(' ').next().unwrap_or_default();
            let email = format!("{}.of.the.team@example.org", first.to_lowercase());
            auth::new_user(
                db.server(),
                db.name(),
                agent.user,
                &email,
                "a long password",
            )
            .await?;
            db.as_owner(&format!(
                "update public.mod_chat_agents set avatar_url = 'https://faces.example.org/{first}-of-the-team.png'
                where id = '{}'",
                agent.id
            ))
            .await?;
            agents.push(agent);
        }
        let mut superuser = db.superuser().acquire().await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(planted))
            .execute(&mut *superuser)
            .await
            .context("what is planted does not grow")?;
        drop(superuser);
        let (origin, folder) = (Origin::of(&db).await?, tempfile::tempdir()?);
        let clients = Clients::start(&origin, &site, &folder.path().join("received"), 1)?;
        let mut stage = Self {
            clients,
            ada: agents[0],
            ben: agents[1],
            visitors: BTreeMap::new(),
            site,
            _origin: origin,
            folder,
            db,
        };
        for (who, name) in [(ZOE, "Zoe Zimmermann"), (MAX, "Max Mustermann")] {
            stage.comes_in(who, name).await?;
        }
        Ok(stage)
    }

    async fn comes_in(&mut self, who: usize, name: &str) -> Result<()> {
        let visit = json!({"do": "visit", "who": who, "browser": who});
        let visitor = self.clients.ask(visit).await?["visitor"].take();
        self.visitors.insert(who, serde_json::from_value(visitor)?);
        self.calls(who, "chat_widget_config", json!({"site": self.site.id}))
            .await?;
        self.calls(who, "chat_consent", json!({"version": 1}))
            .await?;
        let mail = format!("{}@private.example.org", name.replace(' ', "."));
        let given =
            json!({"name": name, "email": mail, "message": format!("Where is my order? {name}")});
        let form = json!({"form": "pre_chat", "given": given});
        self.calls(who, "chat_submit_form", form).await?;
        Ok(())
    }

    async fn calls(&self, who: usize, name: &str, args: Value) -> Result<Value> {
        let call = json!({"do": "call", "who": who, "name": name, "args": args});
        Ok(self.clients.ask(call).await?["answer"].take())
    }

    async fn conversation_of(&self, who: usize) -> Result<Uuid> {
        let of = "select id from public.mod_chat_conversations where visitor_id = $1";
        let found = sqlx::query_scalar(of).bind(self.visitors[&who]);
        Ok(found.fetch_one(self.db.owner()).await?)
    }

    /// Waits until a client shows a text, live.
    async fn shows(&self, who: usize, text: &str) -> Result<()> {
        wait_until("everything arrives by itself", async || {
            let shows = self.clients.ask(json!({"do": "show", "who": who})).await?;
            let shown = shows["shows"].to_string().contains(text);
            Ok((shown && shows["is_live"] == true).then_some(()))
        })
        .await
        .with_context(|| format!("client {who} does not show `{text}`"))
    }

    /// A chat in which everything happens that a visitor must not know of, and the visitors ask for all there is.
    async fn play(&self) -> Result<()> {
        let chat = self.conversation_of(ZOE).await?;
        let other = self.conversation_of(MAX).await?;
        for (who, agent) in [(ADA, self.ada), (BEN, self.ben)] {
            let open = json!({"do": "work", "who": who, "user": agent.user, "conversations": [chat, other]});
            self.clients.ask(open).await?;
        }
        for who in [ZOE, MAX] {
            self.shows(who, "Where is my order?").await?;
        }
        for (note, content) in [
            (true, "Difficult as ever, give nothing away"),
            (false, "Good day, I am looking"),
        ] {
            let send = json!({"do": "send", "who": ADA, "conversation": chat, "content": content, "note": note});
            self.clients.ask(send).await?;
        }
        let typed = json!({"do": "typed", "who": ADA, "conversation": chat});
        self.clients.ask(typed).await?;
        self.shows(ZOE, "I am looking").await?;
        self.calls(ZOE, "chat_queue_position", json!({"conversation": chat}))
            .await?;
        self.change(chat).await?;
        let words = "Now it is Ben who writes to Max";
        let send = json!({"do": "send", "who": BEN, "conversation": other, "content": words});
        self.clients.ask(send).await?;
        self.shows(MAX, words).await?;

        let file = json!({"do": "file", "who": ZOE, "name": "bill.pdf", "content": "see the bill"});
        let file = self.clients.ask(file).await?["id"].take();
        self.shows(BEN, "see the bill").await?;
        self.calls(ZOE, "chat_file_url", json!({"message": file}))
            .await?;
        let page = json!({"page": {"url": "https://shop.example/orders"}});
        self.calls(ZOE, "chat_set_page", page).await?;
        for act in ["typed", "read"] {
            self.clients.ask(json!({"do": act, "who": ZOE})).await?;
        }
        for relation in self.relations().await? {
            let path = format!("/rest/v1/{relation}?select=*");
            let get = json!({"do": "get", "who": ZOE, "path": path});
            self.clients.ask(get).await?;
        }
        for path in ["/rest/v1/", "/auth/v1/user", "/storage/v1/bucket"] {
            let get = json!({"do": "get", "who": ZOE, "path": path});
            self.clients.ask(get).await?;
        }
        let rating = json!({"conversation": chat, "rating": 4, "comment": "well done"});
        self.calls(ZOE, "chat_rate", rating).await?;
        self.clients
            .ask(json!({"do": "reload", "who": ZOE}))
            .await?;
        let last = "The last word of this chat";
        let send = json!({"do": "send", "who": BEN, "conversation": chat, "content": last});
        self.clients.ask(send).await?;
        self.shows(ZOE, last).await?;
        self.calls(ZOE, "chat_end", json!({"conversation": chat}))
            .await?;
        self.clients.ask(json!({"do": "leave", "who": ZOE})).await?;
        Ok(())
    }

    /// What colleagues do to a conversation: hand it over with words, tag it, change a note and an answer, react.
    async fn change(&self, chat: Uuid) -> Result<()> {
        let assigned: Uuid = sqlx::query_scalar(
            "select assigned_agent_id from public.mod_chat_conversations where id = $1",
        )
        .bind(chat)
        .fetch_one(self.db.owner())
        .await?;
        let to = if assigned == self.ada.id {
            self.ben
        } else {
            self.ada
        };
        let transfer =
            json!({"conversation": chat, "agent": to.id, "note": "Take over, I cannot bear it"});
        self.calls(ADA, "chat_transfer", transfer).await?;
        let mut ada = self.db.as_user(self.ada.user).await?;
        let of_ada = format!(
            "select id from mod_chat_messages where conversation_id = '{chat}' and sender_id = '{}'",
            self.ada.id
        );
        for statement in [
            format!(
                "update mod_chat_conversations set tags = '{{unbearable-customer}}', priority = 'low' where id = '{chat}' returning id"
            ),
            format!(
                "select chat_edit_message(id, 'Changed: still give nothing away') from ({of_ada} and public_seq is null order by seq limit 1) m"
            ),
            format!(
                "select chat_edit_message(id, 'Good day, I am still looking') from ({of_ada} and public_seq is not null order by seq limit 1) m"
            ),
            format!(
                "select chat_react(id, '👍') from mod_chat_messages where conversation_id = '{chat}' and sender_type = 'visitor' limit 1"
            ),
        ] {
            let rows = ada.rows(&statement).await?;
            ensure!(rows.len() == 1, "it did not happen: {statement}");
        }
        let busy = json!({"site": self.site.id, "status": "busy"});
        self.calls(ADA, "chat_set_status", busy).await?;
        self.shows(ZOE, "I am still looking").await
    }

    /// Every table and view of the exposed schema.
    async fn relations(&self) -> Result<Vec<String>> {
        let names = sqlx::query_scalar(
            "select relname::text from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm') order by 1",
        );
        Ok(names.fetch_all(self.db.owner()).await?)
    }

    async fn look(&self) -> Result<(Recording, Vec<Secret>)> {
        let recording = Recording::read(&self.folder.path().join("received"))?;
        Ok((recording, secrets_of(&self.db).await?))
    }
}

#[tokio::test]
async fn nothing_that_visitors_receive_tells_of_notes_of_others_of_agents_or_of_closed_settings()
-> Result<()> {
    let stage = Stage::open("").await?;
    stage.play().await?;
    let (recording, secrets) = stage.look().await?;
    recording.assert_holds(
        ZOE,
        "socket",
        &["new_message", "status_change", "typing_start"],
    )?;
    let told = [
        "I am still looking",
        "Handed over",
        "The Shop",
        "Zoe Zimmermann",
        "👍",
    ];
    recording.assert_holds(ZOE, "rest", &told)?;
    recording.assert_holds(MAX, "rest", &["Ben who writes", "We keep what you write"])?;
    for what in [
        "a note",
        "what a note said before",
        "a tag",
        "an agent's e-mail",
        "an agent's hidden name",
        "the number of a site without WhatsApp",
    ] {
        ensure!(
            secrets.iter().any(|s| s.what == what),
            "there is not {what} to be told"
        );
    }
    recording.assert_nothing_leaks(&secrets, &stage.visitors)?;
    ensure!(
        stage.clients.wrong().is_empty(),
        "{:?}",
        stage.clients.wrong()
    );
    Ok(())
}

#[tokio::test]
async fn whatever_leaks_is_noticed() -> Result<()> {
    let stage = Stage::open(include_str!("leaks.sql")).await?;
    stage.play().await?;
    let (recording, secrets) = stage.look().await?;
    let leaks = recording.leaks(&secrets, &stage.visitors);
    for (what, from) in [
        ("a note", "socket"),
        ("the id of a note", "rest"),
        ("a note", "rest"),
        ("what a note said before", "socket"),
        ("another visitor's id", "socket"),
        ("another visitor's e-mail", "rest"),
        ("another visitor's conversation", "rest"),
        ("an agent's e-mail", "socket"),
        ("an agent's e-mail", "rest"),
        ("an agent's user", "rest"),
        ("an agent's id", "rest"),
        ("an agent's hidden name", "rest"),
        ("an agent's hidden avatar", "rest"),
        ("a tag", "rest"),
        ("a closed setting", "rest"),
        ("the value of a closed setting", "rest"),
        ("the number of a site without WhatsApp", "rest"),
    ] {
        ensure!(
            leaks.contains_key(&(what.to_owned(), from.to_owned())),
            "{what} leaked by {from}, and nobody noticed; noticed was {:?}",
            leaks.keys()
        );
    }
    Ok(())
}
