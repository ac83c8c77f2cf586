//! A site's own rules sort what comes.

use anyhow::{Context, Result};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Refusal, webhook};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::scene::{Scene, YUKI, ZOE, id, only};

impl Scene {
    /// Rules as an admin saves them.
    pub(super) async fn save_rules(&self, by: Agent, rules: &Value) -> Result<Value, sqlx::Error> {
        self.asks(by, "chat_save_routing_rules", &quoted(rules))
            .await
    }

    pub(super) async fn asks(
        &self,
        by: Agent,
        function: &str,
        rest: &str,
    ) -> Result<Value, sqlx::Error> {
        let call = format!("select {function}('{}', {rest}) as answer", self.site.id);
        Ok(self.as_agent(by, &call).await?.remove(0)["answer"].take())
    }

    /// A new conversation with these columns, after rules and routing had their say.
    pub(super) async fn comes_with(&self, columns: &str, values: &str) -> Result<Value> {
        let visitor = self.site.visitor("Somebody").await?;
        let insert = format!(
            "insert into mod_chat_conversations (site_id, visitor_id, {columns})
            values ('{}', '{visitor}', {values}) returning id",
            self.site.id
        );
        let chat: Uuid = sqlx::query_scalar(AssertSqlSafe(insert))
            .fetch_one(self.db.owner())
            .await?;
        self.row(&format!(
            "select * from mod_chat_conversations where id = '{chat}'"
        ))
        .await
    }

    /// One that came from a page.
    pub(super) async fn comes_from(&self, page: &str) -> Result<Value> {
        self.comes_with("page_url", &format!("'{page}'")).await
    }

    async fn explained(&self, by: Agent, chat: &Value) -> Result<Value> {
        let ask = format!("select chat_explain_assignment({}) as why", id(chat));
        Ok(self.as_agent(by, &ask).await?.remove(0)["why"].take())
    }
}

pub(super) fn quoted(json: &Value) -> String {
    format!("'{}'", json.to_string().replace('\'', "''"))
}

/// A site with an admin, who takes no chats.
pub(super) async fn scene() -> Result<(Scene, Agent)> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    Ok((scene, adam))
}

/// Whatever comes from a page goes to a department.
pub(super) fn page_to(name: &str, page: &str, department: Uuid) -> Value {
    json!({"name": name, "if": {"page": [page]}, "then": {"department": department}})
}

pub(super) fn refusal<T: std::fmt::Debug>(
    result: Result<T, sqlx::Error>,
) -> (String, String, String) {
    let refusal = Refusal::expect(result);
    let detail = refusal.detail.expect("a code");
    (refusal.sqlstate, detail, refusal.message)
}

#[tokio::test]
async fn a_rule_sends_what_comes_where_it_says_and_the_explanation_names_it() -> Result<()> {
    let (scene, adam) = scene().await?;
    let billing = scene.site.department("Billing", 5).await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let is = AgentIs {
        department: Some(billing),
        ..AgentIs::default()
    };
    let ben = scene.site.agent("Ben", is).await?;
    let saved = scene
        .save_rules(
            adam,
            &json!([
                {"name": "Ten o'clock", "if": {"channel": ["api"]}, "then": {"priority": "low"}},
                {"name": "Refunds",
                    "if": {"number": [scene.number.phone_number_id], "form": {"message": {"contains": ["refund"]}}},
                    "then": {"department": billing, "priority": "urgent", "skills": ["German"], "tags": ["money"]}},
            ]),
        )
        .await?;
    assert_eq!(
        only(&saved, "version saved_by problems"),
        json!({"version": 1, "saved_by": adam.user, "problems": []})
    );
    scene
        .hear(&[webhook::text("15550100001", "wamid.1", "I want a REFUND")])
        .await?;
    let chat = scene.conversation_of("15550100001").await?;
    assert_eq!(
        only(
            &chat,
            "department_id priority skills tags assigned_agent_id"
        ),
        json!({"department_id": billing, "priority": "urgent", "skills": ["german"], "tags": ["money"],
            "assigned_agent_id": ben.id}),
        "Ada is of no department"
    );
    let why = scene.explained(ada, &chat).await?;
    assert_eq!(
        why["in_words"],
        "Ben was the only one online with room. Rule 2, Refunds, sent it to Billing, made it urgent, asks for german, tagged it money"
    );
    assert_eq!(
        why["facts"]["rule"],
        json!({"version": 1, "place": 2, "name": "Refunds"})
    );
    assert_eq!(
        why["rule"]["came_with"],
        json!({"department_id": null, "tags": [], "priority": "normal"})
    );
    let other = scene.visit(ZOE).await?;
    assert_eq!(
        only(&other, "department_id priority skills applied_rule"),
        json!({"department_id": null, "priority": "normal", "skills": null, "applied_rule": null})
    );
    assert_counters_equal_recount(&scene.db).await
}

/// What no rule says of it stays as the site has it.
#[tokio::test]
async fn a_rule_lets_the_assistant_answer_or_keeps_it_out() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let contains = |word| json!({"form": {"message": {"contains": [word]}}});
    let rules = json!([
        {"name": "Parcels", "if": contains("parcel"), "then": {"assistant": true}},
        {"name": "Complaints", "if": contains("angry"), "then": {"assistant": false, "priority": "high"}},
        {"name": "Others", "then": {"tags": ["other"]}},
    ]);
    scene.save_rules(adam, &rules).await?;
    for (phone, words, assistant, explained) in [
        (
            "15550100001",
            "Where is my parcel?",
            json!(true),
            "Rule 1, Parcels, lets the assistant answer",
        ),
        (
            ZOE,
            "I am angry",
            json!(false),
            "Rule 2, Complaints, made it high, keeps the assistant out",
        ),
        (
            YUKI,
            "Hello",
            Value::Null,
            "Rule 3, Others, tagged it other",
        ),
    ] {
        let wamid = format!("wamid.{phone}");
        scene.hear(&[webhook::text(phone, &wamid, words)]).await?;
        let chat = scene.conversation_of(phone).await?;
        assert_eq!(chat["assistant"], assistant, "{words}");
        let why = scene.explained(adam, &chat).await?;
        let said = why["in_words"].as_str().unwrap_or_default();
        assert!(said.ends_with(explained), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_visitor_shows_and_says_is_asked() -> Result<()> {
    let (scene, adam) = scene().await?;
    let mut ids = Vec::new();
    for name in ["Sales", "Care", "Abroad", "Large"] {
        ids.push(scene.site.department(name, 5).await?);
    }
    let [sales, care, abroad, large] = ids[..] else {
        unreachable!("four were made")
    };
    let rules = json!([
        {"name": "Large", "if": {"visitor": {"seats": {"at_least": 100}}, "tag": ["vip"]}, "then": {"department": large}},
        {"name": "Chosen", "if": {"department": [sales]}, "then": {"tags": ["chosen"]}},
        {"name": "German", "if": {"language": ["de"], "page": ["/pricing*"]}, "then": {"department": abroad}},
        {"name": "Known", "if": {"form": {"email": {"ends_with": ["@care.example"]}}}, "then": {"department": care}},
    ]);
    scene.save_rules(adam, &rules).await?;

    let mut zoe = scene.guest_without_form().await?;
    zoe.gets(
        r#"chat_set_page('{"url": "https://shop.example/pricing?x=1", "language": "de-AT"}')"#,
    )
    .await?;
    let german = scene.chat_of(zoe.writes("Guten Tag").await?).await?;
    assert_eq!(german["department_id"], json!(abroad));

    let mut yan = scene.guest().await?;
    let given = json!({"name": "Yan", "email": "yan@CARE.example", "message": "Hello"});
    let said = yan
        .gets(&format!("chat_submit_form('pre_chat', {})", quoted(&given)))
        .await?;
    let known = scene.chat_of(said["message"].clone()).await?;
    assert_eq!(known["department_id"], json!(care));

    scene.set("pre_chat_department_selector = true").await?;
    let mut eve = scene.guest().await?;
    let given = json!({"name": "Eve", "email": "eve@care.example", "message": "Hello", "department_id": sales});
    let said = eve
        .gets(&format!("chat_submit_form('pre_chat', {})", quoted(&given)))
        .await?;
    let chosen = scene.chat_of(said["message"].clone()).await?;
    assert_eq!(
        only(&chosen, "department_id tags"),
        json!({"department_id": sales, "tags": ["chosen"]}),
        "the first rule that holds counts, alone"
    );

    let mut max = scene.guest_without_form().await?;
    scene
        .as_owner(&format!(
            r#"update mod_chat_visitors set tags = '{{VIP}}', custom_data = '{{"seats": 250}}' where id = '{}'"#,
            max.session.visitor
        ))
        .await?;
    let big = scene.chat_of(max.writes("We need more").await?).await?;
    assert_eq!(big["department_id"], json!(large));

    // Data that no rule can compare stops nobody's message.
    let mut odd = scene.guest_without_form().await?;
    scene
        .as_owner(&format!(
            r#"update mod_chat_visitors set tags = '{{VIP}}', custom_data = '{{"seats": 1e400, "deep": [[-1e400]]}}' where id = '{}'"#,
            odd.session.visitor
        ))
        .await?;
    let beyond = scene.chat_of(odd.writes("Hello").await?).await?;
    assert_eq!(beyond["applied_rule"], json!(null));
    Ok(())
}

impl Scene {
    /// The conversation that a message stands in.
    async fn chat_of(&self, message: Value) -> Result<Value> {
        let chat = message["conversation_id"]
            .as_str()
            .with_context(|| message.to_string())?;
        self.row(&format!(
            "select * from mod_chat_conversations where id = '{chat}'"
        ))
        .await
    }
}

#[tokio::test]
async fn business_hours_are_those_of_the_moment_it_comes() -> Result<()> {
    let (scene, adam) = scene().await?;
    let night = scene.site.department("Night", 5).await?;
    let never = r#"{"week": {}, "holidays": [{"date": "1999-01-01", "spans": [{"start": "09:00", "end": "10:00"}]}]}"#;
    scene
        .set(&format!(
            "business_hours_enabled = true, business_hours = '{never}'"
        ))
        .await?;
    let rules = json!([
        {"name": "Open at night", "if": {"hours": [{"is": "open", "department": night}, {"is": "open"}]}, "then": {"priority": "low"}},
        {"name": "Closed", "if": {"hours": [{"is": "closed"}]}, "then": {"department": night, "tags": ["late"]}},
    ]);
    scene.save_rules(adam, &rules).await?;
    assert_eq!(scene.chat().await?["department_id"], json!(night));
    scene.set("business_hours_enabled = false").await?;
    assert_eq!(
        only(&scene.chat().await?, "department_id priority"),
        json!({"department_id": null, "priority": "low"}),
        "a site without hours is always open"
    );
    Ok(())
}

#[tokio::test]
async fn rules_are_asked_once_of_what_has_just_come() -> Result<()> {
    let (scene, adam) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let care = scene.site.department("Care", 5).await?;
    let before = scene.comes_from("https://shop.example/a").await?;
    let rules = json!([page_to("All", "*", sales)]);
    scene.save_rules(adam, &rules).await?;
    assert_eq!(
        scene.again(&before).await?["department_id"],
        json!(null),
        "it came before"
    );
    let chat = scene.comes_from("https://shop.example/a").await?;
    assert_eq!(chat["department_id"], json!(sales));
    scene
        .patch(adam, &chat, &format!("department_id = '{care}'"))
        .await?;
    scene.patch(adam, &chat, "status = 'closed'").await?;
    scene.patch(adam, &chat, "status = 'pending'").await?;
    assert_eq!(
        scene.again(&chat).await?["department_id"],
        json!(care),
        "people sorted it anew"
    );
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let begun = scene
        .comes_with(
            "page_url, status, assigned_agent_id",
            &format!("'https://shop.example/a', 'active', '{}'", ada.id),
        )
        .await?;
    assert_eq!(begun["applied_rule"], json!(null), "somebody has it");
    let saved = scene.save_rules(adam, &json!([])).await?;
    assert_eq!(
        only(&saved, "version rules"),
        json!({"version": 2, "rules": []})
    );
    let free = scene.comes_from("https://shop.example/a").await?;
    assert_eq!(
        free["department_id"],
        json!(null),
        "there are no rules any more"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_rule_whose_department_is_gone_is_passed_over_and_said_so() -> Result<()> {
    let (scene, adam) = scene().await?;
    let old = scene.site.department("Old", 5).await?;
    let off = scene.site.department("Off", 5).await?;
    let sales = scene.site.department("Sales", 5).await?;
    let rules = json!([
        page_to("First", "/a*", old),
        {"name": "Second", "if": {"hours": [{"is": "open", "department": off}]}, "then": {"department": off}},
        {"name": "Third", "if": {"hours": [{"is": "open", "department": old}]}, "then": {"priority": "low"}},
        page_to("Fourth", "*", sales),
    ]);
    scene.save_rules(adam, &rules).await?;
    scene
        .as_owner(&format!(
            "delete from mod_chat_departments where id = '{old}'"
        ))
        .await?;
    let switch = format!(
        "select id from chat_save_department('{}', 'Off', '{off}', is_active => false)",
        scene.site.id
    );
    scene.as_agent(adam, &switch).await?;
    let chat = scene.comes_from("https://shop.example/a").await?;
    assert_eq!(chat["department_id"], json!(sales));
    let why = scene.explained(adam, &chat).await?;
    let words = why["in_words"].as_str().context("words")?;
    assert!(
        words.ends_with(
            "Rule 1, First, was passed over: its department is gone. Rule 2, Second, was passed over: its department is gone. \
             Rule 4, Fourth, sent it to Sales"
        ),
        "{words}"
    );
    let call = format!("select chat_routing_rules('{}') as answer", scene.site.id);
    let now = scene.as_agent(adam, &call).await?.remove(0)["answer"].take();
    let gone: Vec<_> = now["problems"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|problem| problem["at"].clone())
        .collect();
    assert_eq!(
        gone,
        [
            "rules[0].then.department",
            "rules[1].if.hours[0].department",
            "rules[1].then.department",
            "rules[2].if.hours[0].department",
        ]
    );
    let nowhere = json!([page_to("First", "/a*", old)]);
    assert_eq!(
        refusal(scene.save_rules(adam, &nowhere).await).1,
        "chat/routing_rules"
    );
    Ok(())
}
