//! People take, assign, hand over and give back conversations.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id, only};

/// A site where a supervisor, who is away, looks after Ada, who has room for so many.
async fn scene(max: i32) -> Result<(Scene, Agent, Agent)> {
    let scene = Scene::open().await?;
    let is = AgentIs {
        role: "supervisor",
        status: "away",
        ..AgentIs::default()
    };
    let boss = scene.site.agent("Boss", is).await?;
    let is = AgentIs {
        max,
        ..AgentIs::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    Ok((scene, boss, ada))
}

impl Scene {
    pub(super) async fn calls(&self, by: Agent, call: &str) -> Result<Value, sqlx::Error> {
        Ok(self
            .as_agent(by, &format!("select * from {call}"))
            .await?
            .remove(0))
    }

    pub(super) async fn refusal(&self, by: Agent, call: &str) -> (String, Option<String>) {
        let refusal = Refusal::expect(self.calls(by, call).await);
        (refusal.sqlstate, refusal.detail)
    }

    pub(super) async fn words(&self, by: Agent, chat: &Value) -> Result<String> {
        let ask = format!(
            "select chat_explain_assignment({}) ->> 'in_words' as words",
            id(chat)
        );
        Ok(self.as_agent(by, &ask).await?[0]["words"]
            .as_str()
            .expect("words")
            .to_owned())
    }
}

pub(super) fn said(sqlstate: &str, detail: &str) -> (String, Option<String>) {
    (sqlstate.to_owned(), Some(detail.to_owned()))
}

#[tokio::test]
async fn a_chat_that_is_not_handed_out_is_claimed_by_one() -> Result<()> {
    let (scene, _, ada) = scene(1).await?;
    let vip = scene.site.department("VIP", 5).await?;
    scene
        .as_owner("update mod_chat_departments set auto_assign = false")
        .await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    let of_vip = format!(", department_id = '{vip}'");
    let (chat, other) = (
        scene.chat_with(&of_vip).await?,
        scene.chat_with(&of_vip).await?,
    );
    let words = scene.words(ada, &chat).await?;
    assert!(words.ends_with("for somebody to claim it"), "{words}");
    let claim = format!("chat_claim({})", id(&chat));
    let claimed = scene.calls(ada, &claim).await?;
    assert_eq!(
        only(&claimed, "assigned_agent_id status"),
        json!({"assigned_agent_id": ada.id, "status": "active"})
    );
    scene.calls(ada, &claim).await?;
    assert_eq!(
        scene.refusal(ben, &claim).await,
        said("PT409", "chat/already_assigned")
    );
    let more = format!("chat_claim({})", id(&other));
    assert_eq!(
        scene.refusal(ada, &more).await,
        said("PT409", "chat/agent_full")
    );
    let beyond = format!("chat_claim({}, override => true)", id(&other));
    assert_eq!(
        scene.refusal(ada, &beyond).await,
        said("PT403", "chat/not_allowed")
    );
    assert_eq!(scene.words(ben, &chat).await?, "Ada took it");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_supervisor_assigns_to_who_has_room_and_beyond_it_only_on_purpose() -> Result<()> {
    let (scene, boss, ada) = scene(1).await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.given(ada, 1).await?;
    let chat = scene.chat().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ben.id));
    let to_ada = format!("chat_assign({}, '{}')", id(&chat), ada.id);
    assert_eq!(
        scene.refusal(ben, &to_ada).await,
        said("PT403", "chat/not_allowed")
    );
    assert_eq!(
        scene.refusal(boss, &to_ada).await,
        said("PT409", "chat/agent_full")
    );
    let on_purpose = format!("chat_assign({}, '{}', override => true)", id(&chat), ada.id);
    let assigned = scene.calls(boss, &on_purpose).await?;
    assert_eq!(assigned["assigned_agent_id"], json!(ada.id));
    assert_eq!(
        scene.words(ada, &chat).await?,
        "Ada has it because Boss assigned it, beyond their room"
    );
    let kept = scene
        .row("select agent_id, by_user, choice from chat.choices order by id desc limit 1")
        .await?;
    assert_eq!(
        (
            &kept["agent_id"],
            &kept["by_user"],
            &kept["choice"]["beyond"]
        ),
        (&json!(ada.id), &json!(boss.user), &json!(["full"]))
    );
    scene.turns(ben, "offline").await?;
    let to_ben = format!("chat_assign({}, '{}')", id(&chat), ben.id);
    assert_eq!(
        scene.refusal(boss, &to_ben).await,
        said("PT409", "chat/agent_offline")
    );
    scene
        .as_owner(&format!(
            "update mod_chat_agents set is_active = false where id = '{}'",
            ben.id
        ))
        .await?;
    assert_eq!(
        scene.refusal(boss, &to_ben).await,
        said("PT404", "chat/no_such_agent")
    );
    let nobody = format!("chat_assign({}, null)", id(&chat));
    assert_eq!(
        scene.refusal(boss, &nobody).await,
        said("PT422", "chat/no_agent_named")
    );
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    assert_eq!(
        scene.refusal(boss, &on_purpose).await,
        said("PT409", "chat/conversation_ended")
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_is_handed_over_makes_room_and_tells_both_sides() -> Result<()> {
    let (scene, _, ada) = scene(1).await?;
    let chat = scene.visit(ZOE).await?;
    let waits = scene.chat().await?;
    assert_eq!(
        (scene.holder(&chat).await?, scene.holder(&waits).await?),
        (Some(ada.id), None)
    );
    let is = AgentIs {
        status: "away",
        ..AgentIs::default()
    };
    let ben = scene.site.agent("Ben", is).await?;
    scene.as_owner("delete from realtime.messages").await?;
    let give = format!(
        "chat_transfer({}, '{}', note => 'She asks about the invoice')",
        id(&chat),
        ben.id
    );
    let given = scene.calls(ada, &give).await?;
    assert_eq!(given["assigned_agent_id"], json!(ben.id));
    assert_eq!(
        scene.holder(&waits).await?,
        Some(ada.id),
        "who waited has Ada's room"
    );
    let lines = scene
        .rows(&format!(
            "select kind, sender_type, content, public_seq is not null as public from mod_chat_messages
            where conversation_id = {} and seq > 1 order by seq",
            id(&chat)
        ))
        .await?;
    assert_eq!(
        lines,
        [
            json!({"kind": "note", "sender_type": "agent", "content": "She asks about the invoice", "public": false}),
            json!({"kind": "event", "sender_type": "system", "content": "Handed over to a colleague", "public": true}),
        ]
    );
    let told = scene
        .count(&format!(
            "realtime.messages where event in ('conversation_assigned', 'agent_joined') and payload ->> 'conversation_id' = {}
                and topic in ('chat:site:{}', 'chat:visitor:{}')",
            id(&chat), scene.site.id, given["visitor_id"].as_str().expect("a visitor")
        ))
        .await?;
    assert_eq!(told, 2, "colleagues and the visitor");
    assert_eq!(
        scene.words(ada, &chat).await?,
        "Ben has it because Ada handed it over"
    );
    assert_eq!(
        scene.refusal(ada, &give).await,
        said("PT403", "chat/not_allowed"),
        "it is not Ada's any more"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_is_handed_to_a_department_goes_to_its_agents_and_not_back() -> Result<()> {
    let (scene, boss, ada) = scene(5).await?;
    let sales = scene.site.department("Sales", 1).await?;
    let sue = scene
        .site
        .agent(
            "Sue",
            AgentIs {
                department: Some(sales),
                ..AgentIs::default()
            },
        )
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_agents set department_id = '{sales}' where id = '{}'",
            ada.id
        ))
        .await?;
    let chat = scene
        .chat_with(&format!(", assigned_agent_id = '{}'", ada.id))
        .await?;
    let to_sales = format!("chat_transfer({}, department => '{sales}')", id(&chat));
    let given = scene.calls(ada, &to_sales).await?;
    assert_eq!(
        only(&given, "assigned_agent_id department_id status"),
        json!({"assigned_agent_id": sue.id, "department_id": sales, "status": "active"}),
        "not to Ada, who gave it away"
    );
    // Sales are full now but for Ada.
    let second = scene
        .chat_with(&format!(", assigned_agent_id = '{}'", ada.id))
        .await?;
    let waiting = scene
        .calls(
            ada,
            &format!("chat_transfer({}, department => '{sales}')", id(&second)),
        )
        .await?;
    assert_eq!(
        only(&waiting, "assigned_agent_id department_id status"),
        json!({"assigned_agent_id": null, "department_id": sales, "status": "pending"})
    );
    let third = scene
        .chat_with(&format!(", department_id = '{sales}'"))
        .await?;
    assert_eq!(
        scene.holder(&third).await?,
        Some(ada.id),
        "it does not hold up the others"
    );
    scene.patch(sue, &chat, "status = 'closed'").await?;
    assert_eq!(scene.holder(&second).await?, Some(sue.id));
    for (call, refusal) in [
        (
            format!("chat_transfer({})", id(&second)),
            said("PT422", "chat/transfer_target"),
        ),
        (
            format!("chat_transfer({}, '{}')", id(&second), sue.id),
            said("PT422", "chat/transfer_target"),
        ),
        (
            format!(
                "chat_transfer({}, department => '{}')",
                id(&second),
                scene.site.id
            ),
            said("PT404", "chat/no_such_department"),
        ),
        (
            format!("chat_transfer({}, '{}', note => ' ')", id(&second), ada.id),
            said("PT422", "chat/text_length"),
        ),
    ] {
        assert_eq!(scene.refusal(boss, &call).await, refusal, "{call}");
    }
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_is_given_back_goes_to_somebody_else() -> Result<()> {
    let (scene, boss, ada) = scene(5).await?;
    let (chat, other) = (scene.chat().await?, scene.chat().await?);
    let back = format!("chat_unassign({})", id(&chat));
    let given = scene.calls(ada, &back).await?;
    assert_eq!(
        only(&given, "assigned_agent_id status"),
        json!({"assigned_agent_id": null, "status": "pending"}),
        "Ada is the only one, and does not want it"
    );
    let words = scene.words(boss, &chat).await?;
    assert!(
        words.ends_with("the only one who is there gave it back"),
        "{words}"
    );
    assert_eq!(
        scene.refusal(boss, &back).await,
        said("PT409", "chat/not_assigned")
    );
    let next = scene.chat().await?;
    assert_eq!(
        scene.holder(&next).await?,
        Some(ada.id),
        "others do not wait behind it"
    );
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.tick().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ben.id));
    assert_eq!(
        scene
            .refusal(ben, &format!("chat_unassign({})", id(&other)))
            .await,
        said("PT403", "chat/not_allowed")
    );
    let taken = scene
        .calls(boss, &format!("chat_unassign({})", id(&other)))
        .await?;
    assert_eq!(taken["assigned_agent_id"], json!(ben.id));
    let history = scene
        .as_agent(
            boss,
            &format!(
                "select chat_explain_assignment({}) -> 'history' as h",
                id(&other)
            ),
        )
        .await?;
    let reasons: Vec<_> = history[0]["h"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|step| step["choice"]["reason"].as_str().expect("a reason"))
        .collect();
    assert_eq!(reasons, ["only_one_free", "unassigned", "only_one_free"]);
    assert_counters_equal_recount(&scene.db).await
}

/// Whoever deactivates somebody has the routing row; a transfer that waits for it finds nobody to hand over to.
#[tokio::test]
async fn who_leaves_while_a_chat_is_handed_to_them_does_not_get_it() -> Result<()> {
    let (scene, _, ada) = scene(5).await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    let chat = scene.chat().await?;
    let giver = scene.holder(&chat).await?;
    let (giver, taker) = if giver == Some(ada.id) {
        (ada, ben)
    } else {
        (ben, ada)
    };
    let mut leaves = scene.db.owner().begin().await?;
    for statement in [
        format!("select chat.lock_routing('{}')", scene.site.id),
        format!(
            "update mod_chat_agents set is_active = false, status = 'offline' where id = '{}'",
            taker.id
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *leaves)
            .await?;
    }
    let give = format!(
        "chat_transfer({}, '{}', note => 'Yours now')",
        id(&chat),
        taker.id
    );
    let refusal = scene
        .while_open(leaves, scene.refusal(giver, &give))
        .await?;
    assert_eq!(refusal, said("PT404", "chat/no_such_agent"));
    assert_eq!(scene.holder(&chat).await?, Some(giver.id));
    assert_eq!(
        scene
            .count("mod_chat_messages where content in ('Yours now', 'Handed over to a colleague')")
            .await?,
        0,
        "nobody is told of what did not happen"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_department_that_is_just_being_deleted_gets_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let is = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    let chat = scene.chat().await?;
    let site = scene.site.id;
    for call in ["transfer", "save_agent", "save_sla", "save_routing"] {
        let sales = scene.site.department("Sales", 2).await?;
        let asks = match call {
            "transfer" => format!("chat_transfer({}, department => '{sales}')", id(&chat)),
            "save_agent" => format!(
                "chat_save_agent('{site}', '{}', 'Ada', department_id => '{sales}')",
                ada.user
            ),
            "save_sla" => format!("chat_save_sla('{site}', '{sales}', resolution_seconds => 60)"),
            _ => format!("chat_save_routing('{site}', department => '{sales}')"),
        };
        let mut deletes = scene.db.owner().begin().await?;
        let delete = format!("delete from mod_chat_departments where id = '{sales}'");
        sqlx::query(sqlx::AssertSqlSafe(delete))
            .execute(&mut *deletes)
            .await?;
        let refusal = scene.while_open(deletes, scene.refusal(ada, &asks)).await?;
        assert_eq!(refusal, said("PT404", "chat/no_such_department"), "{call}");
    }
    Ok(())
}
