//! Pages of the inbox, what its filters mean, and the badges beside it.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::scene::Scene;

/// A site with twenty conversations of all sorts, some of one time, and an agent who is there.
async fn desk() -> Result<(Scene, Agent)> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "away").await?;
    let (site, sales) = (scene.site.id, scene.site.department("Sales", 9).await?);
    scene
        .as_owner(&format!(
            "insert into mod_chat_visitors (site_id, name, email)
            select '{site}', 'Person ' || n, 'p' || n || '@example.org' from generate_series(1, 20) n"
        ))
        .await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_conversations
                (site_id, visitor_id, channel, priority, department_id, tags, subject, phone_number_id, created_at)
            select v.site_id, v.id, (array['widget', 'whatsapp', 'api'])[1 + n % 3],
                (array['low', 'normal', 'high', 'urgent'])[1 + n % 4], case when n % 5 = 0 then '{sales}'::uuid end,
                case n % 3 when 0 then '{{vip}}' when 1 then '{{vip,refund}}' else '{{}}' end::text[],
                'Subject ' || n, case when n % 3 = 1 then '777' end, now() - n * interval '1 day'
            from (select v.*, split_part(v.name, ' ', 2)::integer as n from mod_chat_visitors v where name like 'Person %') v"
        ))
        .await?;
    // Three a day, so that times are equal; and one in seven where nothing was said yet.
    scene
        .as_owner(
            "insert into mod_chat_messages (conversation_id, sender_type, content, sent_at)
            select c.id, 'visitor', 'Question ' || v.name, date_trunc('day', now()) - (n / 3) * interval '1 day'
            from mod_chat_conversations c join mod_chat_visitors v on v.id = c.visitor_id,
                lateral (select split_part(v.name, ' ', 2)::integer as n) x
            where n % 7 > 0",
        )
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = '{}' where priority in ('low', 'high')",
            ada.id
        ))
        .await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'closed' where priority = 'low' and channel <> 'api'")
        .await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'missed' where status = 'pending' and channel = 'api'")
        .await?;
    scene
        .as_owner("update mod_chat_conversations set snoozed_until = now() + interval '1 day', status = 'waiting'
            where status = 'active' and channel = 'whatsapp'")
        .await?;
    scene
        .as_owner("update mod_chat_conversations set archived_at = date_trunc('day', created_at) + interval '1 hour'
            where archived_at is not null")
        .await?;
    Ok((scene, ada))
}

impl Scene {
    /// Every page of the inbox in turn, by rows of so many.
    async fn inbox(&self, agent: Agent, filters: &Value, size: usize) -> Result<Vec<Value>> {
        let filters = filters.to_string().replace('\'', "''");
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let after = rows
                .last()
                .unwrap_or(&Value::Null)
                .to_string()
                .replace('\'', "''");
            let page = self
                .as_agent(
                    agent,
                    &format!("select * from chat_inbox('{filters}', '{after}', {size})"),
                )
                .await?;
            let short = page.len() < size;
            rows.extend(page);
            if short {
                return Ok(rows);
            }
            ensure!(rows.len() < 1000, "the pages have no end");
        }
    }

    /// The ids that the owner finds with a condition on conversations, in the inbox's order.
    async fn in_order(&self, condition: &str) -> Result<Vec<Value>> {
        let rows = self
            .rows(&format!(
                "select c.id from mod_chat_conversations c where {condition}
                order by archived_at is null desc, coalesce(archived_at, last_message_at, created_at) desc, id desc"
            ))
            .await?;
        Ok(ids(&rows))
    }
}

fn ids(rows: &[Value]) -> Vec<Value> {
    rows.iter().map(|row| row["id"].clone()).collect()
}

#[tokio::test]
async fn open_ones_come_by_their_last_message_and_then_the_archive() -> Result<()> {
    let (scene, ada) = desk().await?;
    let all = scene.in_order("true").await?;
    ensure!(all.len() == 20);
    for size in [1, 3, 7, 25] {
        assert_eq!(
            ids(&scene.inbox(ada, &json!({}), size).await?),
            all,
            "pages of {size}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn after_the_archive_no_open_one_comes() -> Result<()> {
    let (scene, ada) = desk().await?;
    let last = scene
        .inbox(ada, &json!({}), 25)
        .await?
        .pop()
        .context("no row")?;
    ensure!(last["is_open"] == false);
    let after = last.to_string().replace('\'', "''");
    let page = scene
        .as_agent(
            ada,
            &format!("select * from chat_inbox('{{\"status\": \"open\"}}', '{after}')"),
        )
        .await?;
    ensure!(page.is_empty());
    Ok(())
}

#[tokio::test]
async fn each_filter_finds_what_it_says_and_nothing_else() -> Result<()> {
    let (scene, ada) = desk().await?;
    let sales = scene.row("select id from mod_chat_departments").await?["id"].clone();
    let visitor = scene
        .row("select id from mod_chat_visitors where name = 'Person 4'")
        .await?["id"]
        .clone();
    let day = scene
        .row("select to_char(now() - interval '3 days', 'YYYY-MM-DD') as day")
        .await?["day"]
        .clone();
    let at = "coalesce(archived_at, last_message_at, created_at)";
    let since = format!("{at} >= {day}::timestamptz").replace('"', "'");
    let until = format!("{at} < {day}::timestamptz + interval '1 day'").replace('"', "'");
    for (filters, condition) in [
        (json!({"status": "all", "search": null}), "true".to_owned()),
        (json!({"status": "open"}), "archived_at is null".to_owned()),
        (
            json!({"status": "archived"}),
            "archived_at is not null".to_owned(),
        ),
        (
            json!({"status": "pending"}),
            "status = 'pending'".to_owned(),
        ),
        (
            json!({"status": "waiting"}),
            "status = 'waiting'".to_owned(),
        ),
        (
            json!({"status": "snoozed"}),
            "snoozed_until is not null".to_owned(),
        ),
        (json!({"status": "closed"}), "status = 'closed'".to_owned()),
        (
            json!({"status": "missed", "channel": "all"}),
            "status = 'missed'".to_owned(),
        ),
        (json!({"channel": "api"}), "channel = 'api'".to_owned()),
        (
            json!({"priority": "urgent"}),
            "priority = 'urgent'".to_owned(),
        ),
        (
            json!({"assignedAgentId": ada.id}),
            format!("assigned_agent_id = '{}'", ada.id),
        ),
        (
            json!({"assignedAgentId": "me"}),
            format!("assigned_agent_id = '{}'", ada.id),
        ),
        (
            json!({"assignedAgentId": "unassigned"}),
            "assigned_agent_id is null".to_owned(),
        ),
        (
            json!({"departmentId": sales}),
            "department_id is not null".to_owned(),
        ),
        (
            json!({"departmentId": "none"}),
            "department_id is null".to_owned(),
        ),
        (
            json!({"visitorId": visitor}),
            "subject = 'Subject 4'".to_owned(),
        ),
        (
            json!({"phoneNumberId": "777"}),
            "phone_number_id = '777'".to_owned(),
        ),
        (json!({"tags": "vip"}), "tags @> '{vip}'".to_owned()),
        (
            json!({"tags": ["refund", "vip"]}),
            "tags @> '{vip,refund}'".to_owned(),
        ),
        (json!({"unread": true}), "unread_agent_count > 0".to_owned()),
        (
            json!({"unread": false}),
            "unread_agent_count = 0".to_owned(),
        ),
        (json!({"dateFrom": day}), since.clone()),
        (json!({"dateTo": day}), until.clone()),
        (
            json!({"dateFrom": day, "dateTo": day}),
            format!("{since} and {until}"),
        ),
        (
            json!({"siteId": scene.site.id, "priority": "high", "status": "open"}),
            "priority = 'high' and archived_at is null".to_owned(),
        ),
        (
            json!({"search": "p13@example"}),
            "subject = 'Subject 13'".to_owned(),
        ),
        (
            json!({"search": "subject 17"}),
            "subject = 'Subject 17'".to_owned(),
        ),
        (
            json!({"search": "quest", "status": "open"}),
            "archived_at is null and message_count > 0".to_owned(),
        ),
        (json!({"search": "100%"}), "false".to_owned()),
    ] {
        let expected = scene.in_order(&condition).await?;
        ensure!(
            expected.len() < 20 || condition == "true",
            "{filters} excludes nothing"
        );
        for size in [2, 25] {
            let found = scene
                .inbox(ada, &filters, size)
                .await
                .with_context(|| filters.to_string())?;
            assert_eq!(ids(&found), expected, "{filters}");
        }
        let count = scene
            .as_agent(
                ada,
                &format!("select chat_inbox_count('{filters}') as said"),
            )
            .await?;
        assert_eq!(
            count[0]["said"],
            json!({"count": expected.len(), "more": false}),
            "{filters}"
        );
    }
    let number = scene.row("select session_number as number from mod_chat_conversations where subject = 'Subject 2'").await?;
    let by_number =
        json!({"search": number["number"].as_str().context("no number")?.to_lowercase()});
    assert_eq!(
        ids(&scene.inbox(ada, &by_number, 5).await?),
        scene.in_order("subject = 'Subject 2'").await?
    );
    Ok(())
}

#[tokio::test]
async fn a_person_of_two_rows_is_one_in_a_filter() -> Result<()> {
    let (scene, ada) = desk().await?;
    scene
        .as_owner(
            "update mod_chat_visitors v set merged_into = w.id from mod_chat_visitors w
            where v.name = 'Person 4' and w.name = 'Person 5'",
        )
        .await?;
    let both = scene
        .in_order("subject in ('Subject 4', 'Subject 5')")
        .await?;
    for name in ["Person 4", "Person 5"] {
        let visitor = scene
            .row(&format!(
                "select id from mod_chat_visitors where name = '{name}'"
            ))
            .await?;
        let found = scene
            .inbox(ada, &json!({"visitorId": visitor["id"]}), 5)
            .await?;
        assert_eq!(ids(&found), both, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_row_is_the_list_item_that_dashboards_know() -> Result<()> {
    let (scene, ada) = desk().await?;
    let row = scene.inbox(ada, &json!({"visitorId": scene.row(
        "select visitor_id as id from mod_chat_conversations where subject = 'Subject 10'").await?["id"]}), 5).await?;
    let row = row.first().context("no row")?;
    for (column, value) in [
        ("visitor_name", json!("Person 10")),
        ("visitor_email", json!("p10@example.org")),
        ("visitor_avatar", Value::Null),
        ("channel", json!("whatsapp")),
        ("status", json!("waiting")),
        ("priority", json!("high")),
        ("last_message_text", json!("Question Person 10")),
        ("last_message_by", json!("visitor")),
        ("unread_count", json!(1)),
        ("assigned_agent_name", json!("Ada")),
        ("department_name", json!("Sales")),
        ("tags", json!(["vip", "refund"])),
    ] {
        assert_eq!(row.get(column), Some(&value), "{column}");
    }
    ensure!(
        row["created_at"].is_string()
            && row["last_message_at"].is_string()
            && row["id"].is_string()
    );
    Ok(())
}

#[tokio::test]
async fn badges_are_what_the_lists_hold() -> Result<()> {
    let (scene, ada) = desk().await?;
    let badges = scene
        .as_agent(
            ada,
            &format!("select chat_counts('{}') as said", scene.site.id),
        )
        .await?;
    let badges = &badges[0]["said"];
    let among_open = |condition: &str| {
        format!("mod_chat_conversations where archived_at is null and {condition}")
    };
    for (badge, condition) in [
        ("/open", "true".to_owned()),
        ("/pending", "status = 'pending'".to_owned()),
        ("/active", "status = 'active'".to_owned()),
        ("/waiting", "status = 'waiting'".to_owned()),
        ("/snoozed", "snoozed_until is not null".to_owned()),
        ("/unassigned", "assigned_agent_id is null".to_owned()),
        ("/mine", format!("assigned_agent_id = '{}'", ada.id)),
        ("/unread", "unread_agent_count > 0".to_owned()),
        (
            "/mine_unread",
            format!(
                "assigned_agent_id = '{}' and unread_agent_count > 0",
                ada.id
            ),
        ),
        ("/by_channel/whatsapp", "channel = 'whatsapp'".to_owned()),
        ("/by_priority/urgent", "priority = 'urgent'".to_owned()),
        ("/by_department/none", "department_id is null".to_owned()),
        (
            "/by_agent/unassigned",
            "assigned_agent_id is null".to_owned(),
        ),
        ("/by_number/777", "phone_number_id = '777'".to_owned()),
    ] {
        let expected = scene.count(&among_open(&condition)).await?;
        ensure!(expected > 0, "nothing is {badge}");
        assert_eq!(badges.pointer(badge), Some(&json!(expected)), "{badge}");
    }
    let few = scene
        .as_agent(ada, "select chat_inbox_count('{}', 3) as said")
        .await?;
    assert_eq!(few[0]["said"], json!({"count": 3, "more": true}));
    Ok(())
}

#[tokio::test]
async fn a_filter_that_means_nothing_says_what_would() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    for (arguments, code) in [
        (r#"'{"status": "lost"}'"#, "chat/bad_filter"),
        (r#"'{"stauts": "open"}'"#, "chat/bad_filter"),
        (r#"'{"channel": ["widget"]}'"#, "chat/bad_filter"),
        (r#"'{"assignedAgentId": "Ada"}'"#, "chat/bad_filter"),
        (r#"'{"siteId": 7}'"#, "chat/bad_filter"),
        (r#"'{"unread": "yes"}'"#, "chat/bad_filter"),
        (r#"'{"tags": {"vip": true}}'"#, "chat/bad_filter"),
        (r#"'{"dateFrom": "yesterday"}'"#, "chat/bad_filter"),
        (r#"'{"dateTo": "2026-02-31"}'"#, "chat/bad_filter"),
        ("'[]'", "chat/bad_filter"),
        ("null", "chat/bad_filter"),
        (r#"'{}', '{"id": 1}'"#, "chat/bad_after"),
        (r#"'{}', '[]'"#, "chat/bad_after"),
        (
            r#"'{}', '{"id": "x", "is_open": true, "sort_at": "2026-01-01"}'"#,
            "chat/bad_after",
        ),
        ("'{}', null, 0", "chat/page_size"),
        ("'{}', null, 201", "chat/page_size"),
    ] {
        let refusal = Refusal::expect(
            scene
                .as_agent(ada, &format!("select * from chat_inbox({arguments})"))
                .await,
        );
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some(code)),
            "{arguments}"
        );
        ensure!(
            refusal.hint.is_some_and(|hint| !hint.is_empty()),
            "{arguments} has no hint"
        );
    }
    Ok(())
}
