//! The CRM: verified people become contacts, the beginnings and ends of their conversations activities; what the host's
//! tables refuse holds nobody up and is not lost.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::scene::{Scene, YUKI, ZOE, id};

/// The host's tables, as a dashboard with a CRM has them.
const HOST: &str = "
    create table public.crm_contacts (
        id uuid primary key default gen_random_uuid(), site_id uuid not null references public.sites (id),
        first_name text not null, last_name text, email text, phone text, lead_score integer not null default 5,
        created_at timestamptz not null default now());
    create table public.crm_activities (
        id uuid primary key default gen_random_uuid(), site_id uuid not null,
        contact_id uuid not null references public.crm_contacts (id), type text not null, related_entity text,
        entity_id uuid, description text, created_at timestamptz not null default now());";

impl Scene {
    /// Ticks until the CRM was told everything that can be told now.
    async fn crm_is_told(&self) -> Result<()> {
        pg_chat_tests::wait_until("the CRM was told", async || {
            self.tick().await?;
            let open = self
                .count(
                    "chat.crm_progress p where p.event_id < (select coalesce(max(id), 0) from chat.events)
                    or exists (
                        select from chat.crm_due d where d.next_at <= clock_timestamp() and not exists (
                            select from chat.crm_due b where b.conversation_id = d.conversation_id and b.event_id < d.event_id))",
                )
                .await?;
            Ok((open == 0).then_some(()))
        })
        .await
    }

    /// What activities of a table say, in the order in which they were noted.
    async fn activities(&self, table: &str) -> Result<Vec<Value>> {
        let select = format!("select type, description from {table} order by created_at, id");
        self.rows(&select).await
    }

    async fn host_has_a_crm(&self) -> Result<()> {
        let statements = sqlx::raw_sql(HOST);
        statements.execute(self.db.owner()).await?;
        Ok(())
    }
}

#[tokio::test]
async fn who_writes_on_whatsapp_is_a_contact_and_their_conversation_an_activity() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.answer(ada, &chat, "Hello").await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    scene.crm_is_told().await?;
    assert_eq!(
        scene
            .rows("select name, email, phone, source from chat.crm_contacts")
            .await?,
        [
            json!({"name": "Phone 15550100002", "email": null, "phone": "+15550100002", "source": "live-chat"})
        ]
    );
    assert_eq!(
        scene.activities("chat.crm_activities").await?,
        [
            json!({"type": "chat", "description": "WhatsApp conversation started (CHAT-00000001)"}),
            json!({"type": "chat", "description": "WhatsApp conversation resolved: 2 messages, with Ada (CHAT-00000001)"}),
        ]
    );
    let visitor = chat["visitor_id"].as_str().context("visitor")?;
    let contact = scene
        .said(ada, &format!("chat_contact('{visitor}')"))
        .await?;
    assert_eq!(contact["phone"], "+15550100002");
    assert_eq!(
        scene
            .count("mod_chat_visitors v join chat.crm_contacts k on k.id = v.crm_contact_id")
            .await?,
        1
    );

    // Nothing is told twice, by however many ticks at a time.
    let (one, two) = tokio::join!(scene.tick(), scene.tick());
    one.and(two)?;
    assert_eq!(scene.count("chat.crm_activities").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_contact_longer_than_a_visitor_can_be_fills_what_fits() -> Result<()> {
    let scene = Scene::open().await?;
    scene.host_has_a_crm().await?;
    let site = scene.site.id;
    scene
        .as_owner(&format!(
            "insert into crm_contacts (site_id, first_name, last_name, email, phone)
            values ('{site}', repeat('Z', 300), 'Zebra', repeat('e', 320) || '@example.org', '+15550100002')"
        ))
        .await?;
    let chat = scene.visit(ZOE).await?;
    let visitor = chat["visitor_id"].as_str().context("visitor")?;
    scene
        .as_owner(&format!(
            "update public.mod_chat_visitors set name = null where id = '{visitor}'"
        ))
        .await?;
    scene.crm_is_told().await?;
    let visitor = scene.visitor_now(visitor.parse()?).await?;
    assert_eq!(visitor["name"], "Z".repeat(200));
    assert_eq!(visitor["email"], Value::Null);
    assert_eq!(scene.activities("crm_activities").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_contact_of_the_host_is_found_however_its_phone_is_written_and_fills_what_is_empty()
-> Result<()> {
    let scene = Scene::open().await?;
    scene.host_has_a_crm().await?;
    let (site, elsewhere) = (
        scene.site.id,
        pg_chat_tests::Site::make(&scene.db).await?.id,
    );
    for (site, mail) in [(elsewhere, "other@example.org"), (site, "zoe@example.org")] {
        scene
            .as_owner(&format!(
                "insert into crm_contacts (site_id, first_name, last_name, email, phone)
                values ('{site}', 'Zoe', 'Zebra', '{mail}', '+1 (555) 010-0002')"
            ))
            .await?;
    }
    let chat = scene.visit(ZOE).await?;
    scene.visit(YUKI).await?;
    scene.crm_is_told().await?;
    let visitor = scene
        .visitor_now(chat["visitor_id"].as_str().context("visitor")?.parse()?)
        .await?;
    assert_eq!(visitor["email"], "zoe@example.org");
    assert_eq!(
        visitor["name"], "Phone 15550100002",
        "what is known stays as it is"
    );
    assert_eq!(
        scene
            .rows(&format!(
                "select first_name, last_name, phone, lead_score from crm_contacts where site_id = '{site}' order by phone"
            ))
            .await?,
        [
            json!({"first_name": "Zoe", "last_name": "Zebra", "phone": "+1 (555) 010-0002", "lead_score": 5}),
            json!({"first_name": "Phone", "last_name": YUKI, "phone": "+15550100003", "lead_score": 5}),
        ]
    );
    assert_eq!(scene.activities("crm_activities").await?.len(), 2);
    assert_eq!(scene.count("chat.crm_contacts").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_typed_address_finds_no_contact_and_a_confirmed_login_does() -> Result<()> {
    let scene = Scene::open().await?;
    scene.host_has_a_crm().await?;
    let site = scene.site.id;
    scene
        .as_owner(&format!(
            "insert into crm_contacts (site_id, first_name, email) values ('{site}', 'Zoe', 'Zoe@Example.org')"
        ))
        .await?;
    let mut zoe = scene.guest().await?;
    let form = r#"{"name": "Z", "email": "zoe@example.org", "message": "Hi"}"#;
    zoe.gets(&format!("chat_submit_form('pre_chat', '{form}')"))
        .await?;
    scene.crm_is_told().await?;
    assert_eq!(
        scene.activities("crm_activities").await?,
        Vec::<Value>::new()
    );
    assert_eq!(scene.count("crm_contacts").await?, 1);

    scene
        .as_owner(
            "with u as (insert into auth.users (email, email_confirmed_at) values ('zoe@example.org', now()) returning id)
            insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
            select c.site_id, '', 'auth', u.id::text, c.identity_id from mod_chat_conversations c, u",
        )
        .await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'closed'")
        .await?;
    scene.crm_is_told().await?;
    assert_eq!(scene.count("crm_contacts").await?, 1);
    assert_eq!(
        scene.activities("crm_activities").await?,
        [
            json!({"type": "chat", "description": "Chat conversation closed: 1 messages (CHAT-00000001)"})
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_table_of_the_host_that_refuses_holds_nobody_up_and_is_told_later() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.host_has_a_crm().await?;
    scene
        .as_owner("alter table crm_activities add constraint closed check (description is null)")
        .await?;
    let chat = scene.visit(ZOE).await?;
    scene.crm_is_told().await?;
    scene.answer(ada, &chat, "We are here all the same").await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    scene.crm_is_told().await?;
    // The end waits behind the beginning; what the transaction within the transaction had made is gone with it.
    let asked = format!("chat_crm('{}')", scene.site.id);
    let crm = scene.boss_gets(&asked).await?;
    assert_eq!((&crm["due"], &crm["failed"]), (&json!(2), &json!([])));
    assert_eq!(scene.count("crm_contacts").await?, 0);

    for _ in 0..9 {
        scene
            .as_owner("update chat.crm_due set next_at = clock_timestamp()")
            .await?;
        scene.tick().await?;
    }
    let crm = scene.boss_gets(&asked).await?;
    let failed = &crm["failed"][0];
    assert_eq!(failed["event"], "chat.conversation.created");
    assert!(
        failed["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("23514 ") && error.contains("closed")),
        "{crm}"
    );

    scene
        .as_owner("alter table crm_activities drop constraint closed")
        .await?;
    scene
        .boss_gets(&format!("chat_retry_crm('{}')", scene.site.id))
        .await?;
    scene.crm_is_told().await?;
    assert_eq!(
        scene
            .activities("crm_activities")
            .await?
            .iter()
            .filter_map(|row| row["description"].as_str())
            .map(|said| said.split([' ', ':']).nth(2).unwrap_or_default())
            .collect::<Vec<_>>(),
        ["started", "resolved"]
    );
    assert_eq!(scene.boss_gets(&asked).await?["due"], 0);
    Ok(())
}

#[tokio::test]
async fn a_site_switches_its_crm_off() -> Result<()> {
    let scene = Scene::open().await?;
    let site = scene.site.id;
    let off = scene
        .boss_gets(&format!("chat_save_crm('{site}', false)"))
        .await?;
    assert_eq!(
        (&off["is_on"], &off["contacts"]),
        (&json!(false), &json!("chat.crm_contacts"))
    );
    let (_, code) = scene
        .boss_is_refused(&format!("select chat_save_crm('{site}', null)"))
        .await;
    assert_eq!(code, "chat/on_or_off");
    scene.visit(ZOE).await?;
    scene.crm_is_told().await?;
    assert_eq!(scene.count("chat.crm_contacts").await?, 0);
    scene
        .boss_gets(&format!("chat_save_crm('{site}', true)"))
        .await?;
    scene.visit(YUKI).await?;
    scene.crm_is_told().await?;
    assert_eq!(scene.count("chat.crm_contacts").await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_erased_person_leaves_no_contact_of_ours() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    scene.visit(YUKI).await?;
    scene.crm_is_told().await?;
    let visitor = chat["visitor_id"].as_str().context("visitor")?;
    let export = scene
        .boss_gets(&format!("chat_export_visitor('{visitor}')"))
        .await?;
    assert_eq!(export["contacts"][0]["phone"], "+15550100002");
    assert_eq!(
        export["contacts"][0]["activities"].as_array().map(Vec::len),
        Some(1)
    );
    let proof = scene
        .boss_gets(&format!("chat_erase_visitor('{visitor}')"))
        .await?;
    assert_eq!(
        (&proof["counts"]["contacts"], &proof["counts"]["activities"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        scene.rows("select phone from chat.crm_contacts").await?,
        [json!({"phone": "+15550100003"})]
    );
    assert_eq!(scene.activities("chat.crm_activities").await?.len(), 1);
    assert_eq!(
        scene
            .count(&format!("mod_chat_conversations where id = {}", id(&chat)))
            .await?,
        0
    );
    Ok(())
}
