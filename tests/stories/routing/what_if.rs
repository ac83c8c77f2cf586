//! What would have been under other ways of routing.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::by_hand::said;
use crate::scene::{Scene, only};

/// When the recorded hour was over.
const END: &str = "'2026-01-01T12:00:00Z'::timestamptz";

/// A chat of the recorded hour, in minutes before its end: when it came, who got it and when, when it was over.
#[derive(Clone, Copy)]
struct Was<'a> {
    came: u32,
    got: Option<(Agent, u32)>,
    over: Option<u32>,
    more: &'a str,
}

impl Scene {
    /// An admin, and an agent with room for one chat who was online for the whole hour.
    async fn with_recording(chats: &[Was<'_>]) -> Result<(Self, Agent, Agent)> {
        let scene = Self::open().await?;
        let adam = scene.admin().await?;
        let one = AgentIs {
            max: 1,
            ..AgentIs::default()
        };
        let ada = scene.site.agent("Ada", one).await?;
        scene.as_owner("delete from chat.agent_states").await?;
        scene
            .as_owner(&format!(
                "insert into chat.agent_states (site_id, agent_id, status, capacity, load, at)
                values ('{}', '{}', 'online', 1, 0, {END} - interval '2 hours')",
                scene.site.id, ada.id
            ))
            .await?;
        for chat in chats {
            scene.was(chat, ada).await?;
        }
        Ok((scene, adam, ada))
    }

    /// Writes the past past the triggers, which would make it the present. Whoever `got` names is Ada where it is nobody's id.
    async fn was(&self, chat: &Was<'_>, ada: Agent) -> Result<()> {
        let (id, site) = (Uuid::new_v4(), self.site.id);
        let visitor = self.site.visitor("Somebody").await?;
        let minutes = |minutes: u32| format!("{END} - interval '{minutes} minutes'");
        let over = chat.over.map_or("null".to_owned(), minutes);
        let got = chat.got.map_or(String::new(), |(agent, at)| {
            let agent = if agent.id.is_nil() { ada } else { agent };
            format!(
                "insert into chat.choices (site_id, conversation_id, agent_id, at, choice)
                values ('{site}', '{id}', '{}', {}, '{{}}');
                update mod_chat_conversations set assigned_agent_id = '{0}', first_response_time_seconds =
                    extract(epoch from {} - created_at) + 30 where id = '{id}';",
                agent.id,
                minutes(at),
                minutes(at)
            )
        });
        let statements = format!(
            "set session_replication_role = replica;
            insert into mod_chat_conversations (id, site_id, visitor_id, status, created_at, archived_at, pending_since)
            values ('{id}', '{site}', '{visitor}', '{}', {}, {over}, null);
            {got}
            update mod_chat_conversations set updated_at = created_at{} where id = '{id}';
            set session_replication_role = origin;",
            if chat.over.is_some() { "resolved" } else { "pending" },
            minutes(chat.came),
            chat.more,
        );
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(self.db.superuser())
            .await?;
        Ok(())
    }

    async fn what_if(&self, by: Agent, changes: &Value) -> Result<Value> {
        let call = format!(
            "chat_simulate_routing('{}', {END} - interval '1 hour', {END}, '{changes}')",
            self.site.id
        );
        Ok(self.said(by, &call).await?)
    }
}

/// Two chats a minute apart, ten minutes each; the second waited for the first.
fn two_in_a_row() -> [Was<'static>; 2] {
    let ada = Agent {
        id: Uuid::nil(),
        user: Uuid::nil(),
    };
    [(50, 50, 40), (49, 40, 30)].map(|(came, got, over)| Was {
        came,
        got: Some((ada, got)),
        over: Some(over),
        more: "",
    })
}

/// The figures of one agent.
fn agents(outcome: &Value, agent: &str) -> Value {
    let mut all = outcome["agents"].as_array().into_iter().flatten();
    all.find(|one| one["agent_id"] == agent)
        .cloned()
        .unwrap_or_default()
}

const FIGURES: &str = "arrivals assigned waiting wait_seconds";

#[tokio::test]
async fn with_more_room_nobody_would_have_waited() -> Result<()> {
    let (scene, adam, ada) = Scene::with_recording(&two_in_a_row()).await?;
    let changes = json!({"agents": {ada.id.to_string(): {"max_concurrent_chats": 2}}});
    let told = scene.what_if(adam, &changes).await?;
    let waited = json!({"arrivals": 2, "assigned": 2, "waiting": 0,
        "wait_seconds": {"p50": 0.0, "p90": 540.0, "mean": 270.0, "longest": 540.0}});
    assert_eq!(only(&told["as_it_was"], FIGURES), waited, "{told}");
    assert_eq!(
        told["happened"]["wait_seconds"]["longest"].as_f64(),
        Some(540.0),
        "{told}"
    );
    assert_eq!(
        told["happened"]["agents"],
        json!([{"agent_id": ada.id, "got": 2}])
    );
    assert_eq!(told["changed"]["wait_seconds"]["longest"], 0.0, "{told}");
    let hers = agents(&told["changed"], &ada.id.to_string());
    assert_eq!(
        only(&hers, "got peak_load"),
        json!({"got": 2, "peak_load": 2})
    );
    assert_eq!(told["cut"], false);
    assert!(
        told["assumes"][0]
            .as_str()
            .is_some_and(|says| says.contains("model"))
    );
    Ok(())
}

#[tokio::test]
async fn with_a_colleague_more_or_without_anybody() -> Result<()> {
    let (scene, adam, ada) = Scene::with_recording(&two_in_a_row()).await?;
    let like_ada = json!({"add_agents": [{"like": ada.id, "count": 1}]});
    let told = scene.what_if(adam, &like_ada).await?;
    assert_eq!(told["changed"]["wait_seconds"]["longest"], 0.0, "{told}");
    let like_her = agents(&told["changed"], &format!("{}+1", ada.id));
    assert_eq!(like_her["got"], 1, "{told}");
    let gone = json!({"agents": {ada.id.to_string(): {"absent": true}}, "answer_due_seconds": 60});
    let told = scene.what_if(adam, &gone).await?;
    assert_eq!(
        only(&told["changed"], "arrivals assigned waiting answered_late"),
        json!({"arrivals": 2, "assigned": 0, "waiting": 2, "answered_late": 2})
    );
    // Ada answered half a minute after she got each.
    assert_eq!(told["as_it_was"]["answered_late"], 1, "{told}");
    assert_eq!(told["happened"]["answered_late"], 1, "{told}");
    Ok(())
}

#[tokio::test]
async fn under_other_rules_of_the_site() -> Result<()> {
    let mut chats = two_in_a_row();
    chats[1].more = ", page_url = 'https://shop.example/pricing'";
    let (scene, adam, _) = Scene::with_recording(&chats).await?;
    let sales = scene.site.department("Sales", 5).await?;
    let rules = json!({"rules": [{"name": "Pricing", "if": {"page": ["/pricing*"]}, "then": {"department": sales}}]});
    let told = scene.what_if(adam, &rules).await?;
    assert_eq!(
        only(&told["changed"], "arrivals assigned waiting"),
        json!({"arrivals": 2, "assigned": 1, "waiting": 1}),
        "nobody works in sales: {told}"
    );
    let mut falls_back = rules;
    falls_back["departments"] = json!({sales.to_string(): {"fallback_seconds": 60}});
    let told = scene.what_if(adam, &falls_back).await?;
    assert_eq!(told["changed"]["assigned"], 2, "{told}");
    Ok(())
}

#[tokio::test]
async fn a_request_that_may_only_read_may_simulate() -> Result<()> {
    let (scene, adam, _) = Scene::with_recording(&two_in_a_row()).await?;
    assert_eq!(
        scene.count("mod_chat_widget_settings").await?,
        0,
        "rules that ask for hours find no settings"
    );
    let rules = json!({"rules": [{"name": "Day", "if": {"hours": [{"is": "open"}]}, "then": {"priority": "high"}}]});
    let mut adam = scene.db.as_user(adam.user).await?;
    let mut request = adam.begin().await?;
    sqlx::raw_sql("set transaction read only")
        .execute(&mut *request)
        .await?;
    let changed: Value = sqlx::query_scalar(AssertSqlSafe(format!(
        "select chat_simulate_routing('{}', {END} - interval '1 hour', {END}, '{rules}') -> 'changed'",
        scene.site.id
    )))
    .fetch_one(&mut *request)
    .await?;
    assert_eq!(changed["arrivals"], 2, "{changed}");
    Ok(())
}

#[tokio::test]
async fn other_rules_are_asked_of_chats_as_they_came() -> Result<()> {
    let (scene, adam, ada) = Scene::with_recording(&[]).await?;
    let mut ids = Vec::new();
    for name in ["General", "Old", "Sales"] {
        ids.push(scene.site.department(name, 5).await?);
    }
    let (general, old, sales) = (ids[0], ids[1], ids[2]);
    scene
        .as_owner(&format!(
            "update mod_chat_departments set is_default = true where id = '{general}'"
        ))
        .await?;
    let sorted_by_nobody = format!(", department_id = '{general}'");
    let sorted_by_a_rule = format!(
        r#", department_id = '{old}', skills = '{{german}}', applied_rule = '{{"place": 1, "version": 1,
            "then": {{"department": "{old}", "skills": ["german"]}}, "came_with": {{"department_id": null, "tags": [], "priority": "normal"}}}}'"#
    );
    for more in [&sorted_by_nobody, &sorted_by_a_rule] {
        let chat = Was {
            came: 50,
            got: None,
            over: None,
            more,
        };
        scene.was(&chat, ada).await?;
    }
    // Nobody chose a department for either.
    let rule = json!([{"name": "Not chosen", "if": {"department": [null]}, "then": {"department": sales}}]);
    let other = json!([{"name": "Api", "if": {"channel": ["api"]}, "then": {"priority": "low"}}]);
    for (rules, department, assigned) in [
        (&rule, sales, 2),
        (&rule, general, 0),
        (&other, general, 2),
        (&other, old, 0),
    ] {
        let changes = json!({"rules": rules, "strategy": "skills", "skills_wait_seconds": null,
            "agents": {ada.id.to_string(): {"department_id": department}}});
        let told = scene.what_if(adam, &changes).await?;
        assert_eq!(told["changed"]["assigned"], assigned, "{changes}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn what_somebody_had_already_takes_their_room() -> Result<()> {
    let mut chats = two_in_a_row();
    chats[0].came = 90;
    chats[0].got = chats[0].got.map(|(agent, _)| (agent, 90));
    let (scene, adam, _) = Scene::with_recording(&chats).await?;
    let told = scene.what_if(adam, &json!({})).await?;
    let waited = json!({"arrivals": 1, "assigned": 1, "waiting": 0,
        "wait_seconds": {"p50": 540.0, "p90": 540.0, "mean": 540.0, "longest": 540.0}});
    assert_eq!(only(&told["changed"], FIGURES), waited, "{told}");
    assert_eq!(told["happened"]["arrivals"], 1);
    Ok(())
}

#[tokio::test]
async fn a_simulation_is_bounded_and_says_so() -> Result<()> {
    let (scene, adam, _) = Scene::with_recording(&[]).await?;
    let many = format!(
        "set session_replication_role = replica;
        with came as (insert into mod_chat_visitors (site_id) select '{0}' from generate_series(0, 20000) returning id)
        insert into mod_chat_conversations (site_id, visitor_id, status, created_at, archived_at, pending_since)
        select '{0}', id, 'missed', {END} - interval '1 hour' + (row_number() over () - 1) * interval '100 milliseconds',
            {END}, null
        from came;
        set session_replication_role = origin;",
        scene.site.id
    );
    sqlx::raw_sql(AssertSqlSafe(many))
        .execute(scene.db.superuser())
        .await?;
    let told = scene.what_if(adam, &json!({})).await?;
    assert_eq!(told["cut"], true);
    assert_eq!(told["changed"]["arrivals"], 20_000);
    assert_eq!(told["until"], "2026-01-01T11:33:20+00:00");
    Ok(())
}

#[tokio::test]
async fn a_year_and_more_is_replayed_to_its_end() -> Result<()> {
    let mut chats = two_in_a_row().to_vec();
    // Three hundred and ninety days before the others.
    let days = 390 * 24 * 60;
    chats.extend(two_in_a_row().map(|was| Was {
        came: was.came + days,
        got: was.got.map(|(agent, at)| (agent, at + days)),
        over: was.over.map(|at| at + days),
        ..was
    }));
    let (scene, adam, _) = Scene::with_recording(&chats).await?;
    scene
        .as_owner("update chat.agent_states set at = at - interval '400 days'")
        .await?;
    let call = format!(
        "chat_simulate_routing('{}', {END} - interval '400 days', {END})",
        scene.site.id
    );
    let told = scene.said(adam, &call).await?;
    assert_eq!(
        only(&told, "until cut"),
        json!({"until": "2026-01-01T12:00:00+00:00", "cut": false})
    );
    for whose in ["happened", "as_it_was", "changed"] {
        let waited = &told[whose]["wait_seconds"]["longest"];
        assert_eq!(waited.as_f64(), Some(540.0), "{whose}: {told}");
        assert_eq!(told[whose]["assigned"], 4, "{whose}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_tried_is_said() -> Result<()> {
    let (scene, adam, ada) = Scene::with_recording(&[]).await?;
    let nobody = Uuid::new_v4();
    for (changes, says) in [
        (json!([]), "they are an object"),
        (json!({"colour": 1}), "there is no colour"),
        (json!({"departments": []}), "departments is an object by id"),
        (json!({"add_agents": {}}), "add_agents is a list"),
        (json!({"strategy": "fastest"}), "strategy cannot be"),
        (json!({"hourly_limit": -1}), "hourly_limit cannot be -1"),
        (json!({"hourly_limit": 1e30}), "hourly_limit cannot be"),
        (
            json!({"answer_due_seconds": null}),
            "answer_due_seconds cannot be null",
        ),
        (
            json!({"fallback_department_id": nobody}),
            "fallback_department_id cannot be",
        ),
        (
            json!({"departments": {nobody.to_string(): {}}}),
            "is none of the site's",
        ),
        (
            json!({"agents": {"ada": {"absent": true}}}),
            "agents.ada is none of the site's",
        ),
        (
            json!({"agents": {ada.id.to_string(): {"wings": 2}}}),
            "wings cannot be 2",
        ),
        (json!({"agents": {ada.id.to_string(): 3}}), "cannot be null"),
        (
            json!({"agents": {ada.id.to_string(): {"skills": ["german", 1]}}}),
            "skills cannot be",
        ),
        (
            json!({"add_agents": [{"like": nobody, "count": 1}]}),
            "add_agents.like cannot be",
        ),
        (
            json!({"add_agents": [{"like": ada.id, "count": 101}]}),
            "at most 100 agents",
        ),
    ] {
        let refused = scene.what_if(adam, &changes).await;
        let error = format!("{:#}", refused.expect_err("it was tried"));
        assert!(error.contains(says), "{changes}: {error}");
        let call = format!(
            "chat_simulate_routing('{}', now() - interval '1 hour', null, '{changes}')",
            scene.site.id
        );
        assert_eq!(
            scene.refusal(adam, &call).await,
            said("PT422", "chat/simulation_changes")
        );
    }
    for since in [
        "now() - interval '2 years'",
        "now()",
        "null",
        "'-infinity'",
        "'4713-01-01 BC'",
        "'294276-01-01'",
    ] {
        let call = format!("chat_simulate_routing('{}', {since}, now())", scene.site.id);
        assert_eq!(
            scene.refusal(adam, &call).await,
            said("PT422", "chat/simulation_period"),
            "since {since}"
        );
    }
    Ok(())
}
