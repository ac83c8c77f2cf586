//! How agents were, and what a report makes of it.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs};
use serde_json::{Value, json};

use super::by_hand::said;
use crate::scene::{Scene, only};

/// When the hour of a report is over.
const END: &str = "'2026-01-01T12:00:00Z'::timestamptz";

impl Scene {
    /// Somebody who may see figures, and two agents of whom nothing is known but what these rows say: minutes before the
    /// end, status, capacity, load.
    async fn with_past(
        ada_was: &[(u32, &str, u32, u32)],
        ben_was: &[(u32, &str, u32, u32)],
    ) -> Result<(Self, Agent, Agent, Agent)> {
        let scene = Self::open().await?;
        let adam = scene.admin().await?;
        let ada = scene.site.agent("Ada", AgentIs::default()).await?;
        let ben = scene.site.agent("Ben", AgentIs::default()).await?;
        scene.as_owner("delete from chat.agent_states").await?;
        for (agent, was) in [(ada, ada_was), (ben, ben_was)] {
            for (minutes, status, capacity, load) in was {
                scene
                    .as_owner(&format!(
                        "insert into chat.agent_states (site_id, agent_id, status, capacity, load, at)
                        values ('{}', '{}', '{status}', {capacity}, {load}, {END} - interval '{minutes} minutes')",
                        scene.site.id, agent.id
                    ))
                    .await?;
            }
        }
        Ok((scene, adam, ada, ben))
    }

    /// A chat that an agent got so many minutes before the end, by routing or by somebody's hand.
    async fn got(&self, agent: Agent, minutes: u32, by: Option<Agent>) -> Result<()> {
        let visitor = self.site.visitor("Somebody").await?;
        let chat = self.site.conversation(visitor).await?;
        self.as_owner(&format!(
            "insert into chat.choices (site_id, conversation_id, agent_id, by_user, at, choice)
            values ('{}', '{chat}', '{}', {}, {END} - interval '{minutes} minutes', '{{}}')",
            self.site.id,
            agent.id,
            by.map_or("null".to_owned(), |by| format!("'{}'", by.user)),
        ))
        .await?;
        Ok(())
    }

    async fn load_of_the_hour(&self, by: Agent) -> Result<Value> {
        Ok(self
            .said(
                by,
                &format!(
                    "chat_agent_load('{}', {END} - interval '1 hour', {END})",
                    self.site.id
                ),
            )
            .await?)
    }
}

#[tokio::test]
async fn each_change_of_an_agents_state_is_written_down() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let adam = scene.admin().await?;
    scene.turns(ada, "online").await?;
    let chat = scene.chat().await?;
    scene.turns(ada, "away").await?;
    scene.turns(ada, "away").await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    let save = format!(
        "chat_save_agent('{}', '{}', 'Ada', max_concurrent_chats => 2)",
        scene.site.id, ada.user
    );
    scene.calls(adam, &save).await?;
    scene
        .as_owner("update chat.heartbeats set seen_at = seen_at - interval '10 minutes'")
        .await?;
    scene.tick().await?;
    let states = scene
        .rows(&format!(
            "select concat_ws(' ', s.status, s.load, s.capacity) as state
            from chat.agent_states s where s.agent_id = '{}' order by s.id",
            ada.id
        ))
        .await?;
    let states: Vec<_> = states.iter().map(|row| row["state"].clone()).collect();
    assert_eq!(
        states,
        [
            "online 0 5",
            "online 1 5",
            "away 1 5",
            "away 0 5",
            "away 0 2",
            "offline 0 2"
        ]
    );
    assert_eq!(scene.tick().await?["states"], 0);
    scene
        .as_owner(
            "update chat.agent_states set at = at - interval '401 days' where status = 'online'",
        )
        .await?;
    assert_eq!(scene.tick().await?["states"], 2, "after 400 days they go");
    Ok(())
}

#[tokio::test]
async fn a_report_says_who_got_what_how_full_they_were_and_whether_it_was_fair() -> Result<()> {
    let (scene, adam, ada, ben) = Scene::with_past(
        &[(90, "online", 4, 0), (30, "online", 4, 2)],
        &[
            (600, "offline", 4, 0),
            (30, "online", 4, 5),
            (15, "away", 4, 1),
        ],
    )
    .await?;
    scene
        .as_owner("update mod_chat_agents set is_active = false where display_name = 'Adam'")
        .await?;
    let boss = Agent {
        id: adam.id,
        user: scene.site.owner,
    };
    for minutes in [70, 50, 40, 10] {
        scene.got(ada, minutes, None).await?;
    }
    scene.got(ben, 20, None).await?;
    scene.got(ben, 20, Some(boss)).await?;
    scene
        .as_owner(&format!(
            "insert into chat.choices (site_id, conversation_id, at, choice)
            select site_id, conversation_id, {END} - interval '5 minutes',
                '{{\"reason\": \"not_answered\", \"from_agent_id\": \"{}\"}}'
            from chat.choices limit 1",
            ben.id
        ))
        .await?;
    let report = scene.load_of_the_hour(boss).await?;
    assert_eq!(
        only(&report, "by_routing by_hand unanswered fairness"),
        // 3 chats for 4 places in an hour, 1 for 4 in a quarter: x is 0.75 and 1.
        json!({"by_routing": 4, "by_hand": 1, "unanswered": 1, "fairness": 0.98})
    );
    let fields = "agent_name by_routing by_hand unanswered online_seconds there_seconds mean_load mean_capacity used
        peak_load over_capacity_seconds share fair_share";
    let agents = report["agents"].as_array().expect("a list");
    assert_eq!(agents.len(), 2, "{report}");
    assert_eq!(
        only(&agents[0], fields),
        json!({"agent_name": "Ada", "by_routing": 3, "by_hand": 0, "unanswered": 0, "online_seconds": 3600,
            "there_seconds": 3600, "mean_load": 1, "mean_capacity": 4, "used": 0.25, "peak_load": 2,
            "over_capacity_seconds": 0, "share": 0.75, "fair_share": 0.8})
    );
    assert_eq!(
        only(&agents[1], fields),
        json!({"agent_name": "Ben", "by_routing": 1, "by_hand": 1, "unanswered": 1, "online_seconds": 900,
            "there_seconds": 1800, "mean_load": 5, "mean_capacity": 4, "used": 1.25, "peak_load": 5,
            "over_capacity_seconds": 900, "share": 0.25, "fair_share": 0.2})
    );
    Ok(())
}

#[tokio::test]
async fn a_report_says_since_when_it_knows_and_nothing_of_what_it_does_not() -> Result<()> {
    let (scene, adam, _, _) = Scene::with_past(&[(20, "online", 4, 0)], &[]).await?;
    let report = scene.load_of_the_hour(adam).await?;
    let agents = report["agents"].as_array().expect("a list");
    assert_eq!(agents.len(), 3, "{report}");
    assert_eq!(report["fairness"], Value::Null, "nobody got anything");
    assert_eq!(
        (&agents[0]["online_seconds"], &agents[0]["known_since"]),
        (&json!(1200), &report["known_since"])
    );
    assert_eq!(
        only(
            &agents[2],
            "agent_name online_seconds mean_load share fair_share known_since"
        ),
        json!({"agent_name": "Ben", "online_seconds": 0, "mean_load": null, "share": null, "fair_share": 0,
            "known_since": null})
    );
    let site = scene.site.id;
    for period in [
        "now(), now() - interval '1 hour'",
        "now() - interval '93 days', now()",
        "now() + interval '1 hour', now() + interval '2 hours'",
        "null, now()",
        "'-infinity', now()",
        "'4713-01-01 BC', '4713-01-02 BC'::timestamptz + interval '1 year'",
        "'-infinity', '-infinity'",
        "'infinity', 'infinity'",
    ] {
        assert_eq!(
            scene
                .refusal(adam, &format!("chat_agent_load('{site}', {period})"))
                .await,
            said("PT422", "chat/report_period"),
            "{period}"
        );
    }
    scene
        .calls(
            adam,
            &format!("chat_agent_load('{site}', now() - interval '92 days', null)"),
        )
        .await?;
    Ok(())
}
