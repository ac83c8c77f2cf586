//! Which promise counts for a conversation, and promises that cannot be meant.

use anyhow::{Context, Result};
use pg_chat_tests::{AgentIs, Refusal, wait_until};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use super::{PROMISES, scene};
use crate::scene::{Scene, id};

#[tokio::test]
async fn clocks_follow_priority_tags_department_and_the_policies_themselves() -> Result<()> {
    let (scene, adam, ada) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    for (fits, minutes) in [
        ("priority => 'urgent'", 10),
        ("tag => 'vip'", 5),
        (format!("department => '{sales}'").as_str(), 20),
    ] {
        let promise =
            format!("{fits}, first_response_seconds => {minutes} * 60, in_business_hours => false");
        scene.promise(adam, &promise).await?;
    }
    let chat = scene.asked().await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], 60);
    for (set, minutes) in [
        (format!("department_id = '{sales}'"), 20),
        ("priority = 'urgent'".to_owned(), 10),
        ("tags = '{x,vip}'".to_owned(), 5),
        ("tags = '{x}'".to_owned(), 10),
        ("priority = 'low'".to_owned(), 20),
    ] {
        scene.patch(adam, &chat, &set).await?;
        scene.look("0").await?;
        assert_eq!(scene.due(&chat).await?["minutes"], minutes, "{set}");
    }
    // A hand-over to another department is a change of it, too.
    let support = scene.site.department("Support", 5).await?;
    let over = format!(
        "select chat_transfer({}, department => '{support}')",
        id(&chat)
    );
    scene.as_agent(ada, &over).await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], 60);
    scene
        .promise(
            adam,
            "first_response_seconds => 7200, in_business_hours => false",
        )
        .await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], 120);
    scene
        .as_owner("delete from chat.sla_policies where tag is not null or priority is not null or department_id is not null")
        .await?;
    let policies = scene
        .as_agent(ada, &format!("select chat_sla('{}') as sla", scene.site.id))
        .await?
        .remove(0);
    let last = policies["sla"][0]["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let deleted = format!(
        "select chat_delete_sla('{}', '{last}') as left",
        scene.site.id
    );
    assert_eq!(scene.as_agent(adam, &deleted).await?, [json!({"left": []})]);
    scene.look("1 day").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], Value::Null);
    assert_eq!(
        scene.clock(ada, &chat, "first_response").await?["state"],
        "withdrawn"
    );
    // What happens while nothing is promised is not judged when something is promised again.
    scene.answer(ada, &chat, "Hello").await?;
    scene
        .promise(
            adam,
            "first_response_seconds => 1, next_response_seconds => 600, in_business_hours => false",
        )
        .await?;
    scene.writes(&chat, "visitor").await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?,
        json!({"minutes": 10, "target": "next_response"})
    );
    assert_eq!(scene.told_of(&chat).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn conversations_that_are_open_already_get_clocks_and_what_was_answered_does_not_count()
-> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let adam = scene.admin().await?;
    let (old, put_aside, over) = (
        scene.asked().await?,
        scene.asked().await?,
        scene.asked().await?,
    );
    scene.answer(ada, &old, "Hello").await?;
    scene.writes(&old, "visitor").await?;
    scene.patch(ada, &put_aside, "status = 'waiting'").await?;
    scene.patch(ada, &over, "status = 'resolved'").await?;
    scene.look("0").await?;
    for table in ["sla_cases", "sla_clocks", "sla_pauses", "sla_changes"] {
        assert_eq!(
            scene.count(&format!("chat.{table}")).await?,
            0,
            "who promises nothing pays nothing: {table}"
        );
    }
    scene.promise(adam, PROMISES).await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&old).await?["target"], "next_response");
    let clock = scene.clock(ada, &put_aside, "resolution").await?;
    assert_eq!(clock["state"], "paused", "{clock}");
    assert_eq!(scene.count("chat.sla_cases").await?, 2);
    // Opened again it begins where it is.
    scene.patch(adam, &over, "status = 'pending'").await?;
    scene.writes(&over, "visitor").await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&over).await?["target"], "first_response");
    Ok(())
}

/// Nothing of a chat waits for an answer, and the time since it was over is known.
async fn is_over_for_its_clocks(scene: &Scene, chat: &Value) -> Result<()> {
    let asked = format!(
        "chat.sla_cases k where k.conversation_id = {0} and k.asked is null
            and exists (select from chat.sla_pauses p where p.conversation_id = {0} and p.is_end and p.ended_at is null)",
        id(chat)
    );
    wait_until("its clocks know that it is over", async || {
        scene.as_owner("select chat.follow_sla(50)").await?;
        Ok((scene.count(&asked).await? == 1).then_some(()))
    })
    .await
}

/// Where another site promises something, events of all sites are followed, and come to what is older than a promise.
const EVENTS_ARE_FOLLOWED: &str =
    "update chat.sla_progress set seen_id = 0, event_id = 0, up_to = 0";

#[tokio::test]
async fn what_somebody_ends_who_cannot_see_the_promise_yet_is_over_for_its_clocks() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let chat = scene.asked().await?;
    let mut ends = scene.db.owner().begin().await?;
    for statement in [
        &format!(
            "update mod_chat_conversations set status = 'closed' where id = {}",
            id(&chat)
        ),
        // What follows at commit has happened before the promise is made.
        "set constraints all immediate",
    ] {
        ends.execute(AssertSqlSafe(statement)).await?;
    }
    scene.promise(adam, PROMISES).await?;
    scene.as_owner(EVENTS_ARE_FOLLOWED).await?;
    scene.as_owner("select chat.follow_sla(50)").await?;
    let asked = "chat.sla_cases where asked is not null";
    assert_eq!(scene.count(asked).await?, 1, "it is looked at before");
    ends.commit().await?;
    is_over_for_its_clocks(&scene, &chat).await
}

#[tokio::test]
async fn a_chat_that_comes_and_ends_while_a_promise_is_made_is_over_for_its_clocks() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut promises = scene.db.owner().begin().await?;
    let promise = format!(
        "insert into chat.sla_policies (site_id, first_response_seconds) values ('{}', 60)",
        scene.site.id
    );
    promises.execute(AssertSqlSafe(promise)).await?;
    let chat = scene.asked().await?;
    scene.patch(ada, &chat, "status = 'closed'").await?;
    promises.commit().await?;
    scene.as_owner(EVENTS_ARE_FOLLOWED).await?;
    is_over_for_its_clocks(&scene, &chat).await
}

#[tokio::test]
async fn in_business_hours_the_night_does_not_count_and_new_hours_do_at_once() -> Result<()> {
    let (scene, adam, _) = scene().await?;
    scene
        .promise(adam, "first_response_seconds => 3600")
        .await?;
    let chat = scene.asked().await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?["minutes"],
        60,
        "no hours: always open"
    );
    let never = "update mod_chat_widget_settings set business_hours_enabled = true,
        business_hours = '{\"week\": {}, \"holidays\": [{\"date\": \"2020-02-02\", \"spans\": [{\"start\": \"09:00\", \"end\": \"10:00\"}]}]}'
        returning id";
    scene.as_agent(adam, never).await?;
    scene.look("1 day").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], Value::Null);
    scene
        .as_agent(
            adam,
            "update mod_chat_widget_settings set business_hours_enabled = false returning id",
        )
        .await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], 60);
    let sales = scene.site.department("Sales", 5).await?;
    scene
        .patch(adam, &chat, &format!("department_id = '{sales}'"))
        .await?;
    scene.look("0").await?;
    let of_department = "update mod_chat_departments set business_hours =
        '{\"week\": {}, \"holidays\": [{\"date\": \"2020-02-02\", \"spans\": [{\"start\": \"09:00\", \"end\": \"10:00\"}]}]}' returning id";
    scene.as_agent(adam, of_department).await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], Value::Null);
    scene
        .as_agent(
            adam,
            "update mod_chat_departments set business_hours = null returning id",
        )
        .await?;
    scene.look("0").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], 60);
    Ok(())
}

#[tokio::test]
async fn promises_that_cannot_be_meant_are_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let nobody = uuid::Uuid::new_v4();
    for (promise, code) in [
        ("first_response_seconds => 0", "chat/sla_limits"),
        ("resolution_seconds => 31622401", "chat/sla_limits"),
        ("warn_percent => 100", "chat/sla_limits"),
        ("priority => 'soon'", "chat/unknown_priority"),
        ("tag => ' '", "chat/tags"),
        (
            format!("department => '{nobody}'").as_str(),
            "chat/no_such_department",
        ),
    ] {
        let refusal = Refusal::expect(scene.promise(adam, promise).await);
        assert_eq!(refusal.detail.as_deref(), Some(code), "{promise}");
    }
    scene
        .as_owner(&format!(
            "insert into chat.sla_policies (site_id, tag) select '{}', 'tag ' || n from generate_series(1, 200) n",
            scene.site.id
        ))
        .await?;
    let refusal = Refusal::expect(scene.promise(adam, "priority => 'low'").await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/too_many_policies"));
    let unknown = format!("select chat_delete_sla('{}', '{nobody}')", scene.site.id);
    let refusal = Refusal::expect(scene.as_agent(adam, &unknown).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_policy"));
    let unknown = format!("select chat_sla_of('{nobody}')");
    let refusal = Refusal::expect(scene.as_agent(adam, &unknown).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_conversation"));
    let (agent, tag) = (
        scene.site.agent("Ada", AgentIs::default()).await?,
        "tag => 'x'",
    );
    let refusal = Refusal::expect(scene.promise(agent, tag).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/not_allowed"));
    Ok(())
}
