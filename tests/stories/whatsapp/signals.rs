//! What is no message: an agent's reaction, that somebody types, and that something was read.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal, webhook};
use serde_json::{Value, json};

use crate::queue::Job;
use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn reacts(
        &self,
        agent: Agent,
        message: &Value,
        emoji: &str,
    ) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_react({}, {emoji}) as row", id(message));
        Ok(self.as_agent(agent, &ask).await?[0]["row"].take())
    }

    async fn types(&self, agent: Agent, conversation: &Value) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_typing({}) as said", id(conversation));
        Ok(self.as_agent(agent, &ask).await?[0]["said"].take())
    }

    /// Leases everything of a kind; what else there is goes back.
    async fn claim_kind(&self, kind: &str) -> Result<Vec<Job>> {
        let (mine, others): (Vec<_>, Vec<_>) = self
            .claim(20)
            .await?
            .into_iter()
            .partition(|job| job.kind == kind);
        for job in others {
            self.end(
                &job,
                json!({"is": "retry", "after_seconds": 0, "why": "not yet"}),
            )
            .await?;
        }
        Ok(mine)
    }

    async fn end_reaction(&self, job: &Job, outcome: Value) -> Result<Value> {
        Ok(
            sqlx::query_scalar("select public.chat_finish_reaction($1, $2, $3)")
                .bind(job.job_id)
                .bind(job.lease_token)
                .bind(outcome)
                .fetch_one(self.db.as_worker())
                .await?,
        )
    }

    async fn read_policy(&self, policy: &str) -> Result<()> {
        self.as_owner(&format!(
            "update chat.whatsapp_numbers set read_policy = '{policy}'"
        ))
        .await?;
        Ok(())
    }

    async fn read_marks(&self) -> Result<Vec<Value>> {
        let marks = "select payload -> 'wamid' as wamid from chat.jobs where kind = 'whatsapp.mark_read' order by id";
        let marks = self.rows(marks).await?;
        Ok(marks
            .into_iter()
            .map(|mark| mark["wamid"].clone())
            .collect())
    }
}

fn refused(answer: Result<Value, sqlx::Error>) -> String {
    let refusal = Refusal::expect(answer);
    format!(
        "{} {}",
        refusal.sqlstate,
        refusal.detail.unwrap_or_default()
    )
}

#[tokio::test]
async fn an_agents_reaction_is_sent_and_a_newer_one_replaces_it_while_it_waits() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.visit(ZOE).await?;
    let hello = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    scene.reacts(ada, &hello, "'👍'").await?;
    let row = scene.reacts(ada, &hello, "'🎉'").await?;
    let actor = format!("agent:{}", ada.id);
    assert_eq!(row["reactions"][&actor]["emoji"], "🎉");
    let jobs = scene.claim_kind("whatsapp.send_reaction").await?;
    assert_eq!(jobs.len(), 1, "one, with the newest word");
    let callback = format!("reaction:{}:{actor}", hello["id"].as_str().unwrap());
    assert_eq!(
        jobs[0].payload,
        json!({"phone_number_id": scene.number.phone_number_id, "account_id": scene.number.account,
            "site_id": scene.site.id, "graph_version": "v26.0", "wamid": hello["whatsapp_message_id"],
            "emoji": "🎉", "to": ZOE, "recipient": null, "callback": callback})
    );
    // One that comes while the first is on its way waits for its turn, and the lane is the recipient's to erase.
    scene.reacts(ada, &hello, "null").await?;
    scene.end_reaction(&jobs[0], json!({"is": "done"})).await?;
    let removal = scene.claim_kind("whatsapp.send_reaction").await?;
    assert_eq!(removal[0].payload["emoji"], json!(null));
    Ok(())
}

#[tokio::test]
async fn the_business_has_one_reaction_whoever_chose_it() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.visit(ZOE).await?;
    let hello = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    scene.reacts(ada, &hello, "'👍'").await?;
    let row = scene.reacts(ben, &hello, "'🎉'").await?;
    assert_eq!(
        (
            &row["reactions"][format!("agent:{}", ada.id)]["emoji"],
            &row["reactions"][format!("agent:{}", ben.id)]["emoji"]
        ),
        (&json!(null), &json!("🎉"))
    );
    Ok(())
}

#[tokio::test]
async fn a_reaction_that_fails_says_so_beside_itself() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let hello = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    let actor = format!("agent:{}", ada.id);
    scene.reacts(ada, &hello, "'👍'").await?;
    let job = scene.claim_kind("whatsapp.send_reaction").await?.remove(0);
    let failed = json!({"is": "failed", "code": 131_009, "title": "A part is wrong", "details": null, "advice": "Look"});
    let mut lost = job.clone();
    lost.lease_token = uuid::Uuid::new_v4();
    assert_eq!(
        scene.end_reaction(&lost, failed.clone()).await?["state"],
        "stale"
    );
    assert!(
        scene.message_now(&hello).await?["reactions"][&actor]["error"].is_null(),
        "who lost the lease has nothing to say"
    );
    assert_eq!(
        scene.end_reaction(&job, failed.clone()).await?["state"],
        "done"
    );
    let now = scene.message_now(&hello).await?;
    assert_eq!(now["reactions"][&actor]["error"]["code"], 131_009);
    assert_eq!(now["change"], scene.again(&zoe).await?["last_change"]);

    // By a status that comes later, too; it is of the reaction, and the message itself has not failed.
    scene.reacts(ada, &hello, "'🎉'").await?;
    let job = scene.claim_kind("whatsapp.send_reaction").await?.remove(0);
    scene.end_reaction(&job, json!({"is": "done"})).await?;
    let mut status = webhook::status(
        ZOE,
        "wamid.of.reaction",
        "failed",
        job.payload["callback"].as_str().unwrap(),
    );
    status["errors"] = json!([{"code": 131_047, "title": "Re-engagement message"}]);
    let said = scene.hear_statuses(&[status]).await?;
    assert_eq!(said["stored"], 1);
    let now = scene.message_now(&hello).await?;
    assert_eq!(now["reactions"][&actor]["error"]["code"], 131_047);
    assert_eq!(now["delivery_state"], "received");
    assert_eq!(scene.count("chat.orphan_statuses").await?, 0);

    // Chosen anew it has no error; a failure of one that is gone says nothing.
    scene.reacts(ada, &hello, "null").await?;
    let job = scene.claim_kind("whatsapp.send_reaction").await?.remove(0);
    scene.end_reaction(&job, failed).await?;
    let now = scene.message_now(&hello).await?;
    assert!(now["reactions"][&actor]["error"].is_null(), "{now}");
    Ok(())
}

#[tokio::test]
async fn a_reaction_needs_a_message_on_whatsapp_and_an_open_window() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let answer = scene.answer(ada, &zoe, "Hello").await?;
    assert_eq!(
        refused(scene.reacts(ada, &answer, "'👍'").await),
        "PT409 chat/not_sent_yet"
    );
    let hello = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    assert_eq!(
        refused(scene.reacts(ada, &hello, "'👍'").await),
        "PT422 chat/window_closed"
    );
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() + interval '1 hour'")
        .await?;
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    assert_eq!(
        refused(scene.reacts(ada, &hello, "'👍'").await),
        "PT404 chat/no_such_number"
    );
    assert_eq!(
        scene.message_now(&hello).await?["reactions"],
        json!({}),
        "a refusal leaves nothing behind"
    );
    Ok(())
}

#[tokio::test]
async fn typing_is_shown_once_in_a_while_and_names_its_end() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.hear_text(ZOE, "wamid.2", "Are you there?").await?;
    let shown = json!({"shown": true, "why": null});
    assert_eq!(scene.types(ada, &zoe).await?, shown);
    assert_eq!(scene.types(ada, &zoe).await?, shown);
    let jobs = scene.claim_kind("whatsapp.typing").await?;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].payload["wamid"], "wamid.2", "it answers the newest");
    let left = jobs[0].payload["until"].as_i64().unwrap() - jiff::Timestamp::now().as_second();
    assert!((0..=10).contains(&left), "{left} s");
    scene.end(&jobs[0], json!({"is": "done"})).await?;
    scene.types(ada, &zoe).await?;
    assert!(
        scene.claim_kind("whatsapp.typing").await?.is_empty(),
        "it is shown still"
    );
    scene
        .as_owner("update chat.lanes set idle_since = clock_timestamp() - interval '21 seconds' where key like 'typing:%'")
        .await?;
    scene.types(ada, &zoe).await?;
    assert_eq!(scene.claim_kind("whatsapp.typing").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn nobody_sees_typing_where_there_is_nothing_to_answer_or_reading_is_not_told() -> Result<()>
{
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let ivy = scene.site.visitor("Ivy").await?;
    let ivy = json!({"id": scene.site.conversation(ivy).await?});
    assert_eq!(scene.types(ada, &ivy).await?["shown"], false);
    scene.read_policy("never").await?;
    assert_eq!(scene.types(ada, &zoe).await?["shown"], false);
    assert!(scene.claim_kind("whatsapp.typing").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn by_default_what_arrives_is_marked_as_read() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    scene.visit(ZOE).await?;
    let said = scene.hear_text(ZOE, "wamid.2", "More").await?;
    assert_eq!(said["enqueued"], 1);
    assert_eq!(scene.read_marks().await?, ["wamid.2"]);
    Ok(())
}

#[tokio::test]
async fn a_number_may_tell_that_it_read_only_once_an_agent_has() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.read_policy("agent_reads").await?;
    let zoe = scene.visit(ZOE).await?;
    let said = scene.hear_text(ZOE, "wamid.2", "More").await?;
    assert_eq!(
        only(&said, "stored enqueued"),
        json!({"stored": 1, "enqueued": 0})
    );
    assert!(scene.read_marks().await?.is_empty());
    let read = format!("select chat_read({})", id(&zoe));
    scene.as_agent(ada, &read).await?;
    assert_eq!(scene.read_marks().await?, ["wamid.2"]);
    for job in scene.claim_kind("whatsapp.mark_read").await? {
        scene.end(&job, json!({"is": "done"})).await?;
    }
    scene.as_agent(ada, &read).await?;
    assert!(scene.read_marks().await?.is_empty(), "nothing new was read");
    // Answering is reading.
    scene.hear_text(ZOE, "wamid.3", "And?").await?;
    scene.answer(ada, &zoe, "Yes").await?;
    assert_eq!(scene.read_marks().await?, ["wamid.3"]);
    Ok(())
}

#[tokio::test]
async fn a_number_may_never_tell_that_it_read() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.read_policy("never").await?;
    let zoe = scene.visit(ZOE).await?;
    scene.hear_text(ZOE, "wamid.2", "More").await?;
    scene.answer(ada, &zoe, "Yes").await?;
    assert!(scene.read_marks().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_admin_says_when_a_number_tells_that_it_read() -> Result<()> {
    let (scene, eve) = super::connecting::with_admin().await?;
    let number = scene.row("select id from chat.whatsapp_numbers").await?["id"].clone();
    let set = |policy: &str| {
        format!(
            "chat_set_read_policy('{}', {policy})",
            number.as_str().unwrap()
        )
    };
    assert_eq!(
        scene.ask(eve, &set("'agent_reads'")).await?,
        json!({"number": number, "read_policy": "agent_reads"})
    );
    let listed = format!("chat_whatsapp_numbers('{}')", scene.site.id);
    let listed = scene.ask(eve, &listed).await?;
    assert_eq!(listed[0]["read_policy"], "agent_reads");
    scene.visit(ZOE).await?;
    assert!(scene.read_marks().await?.is_empty());
    scene.ask(eve, &set("'arrival'")).await?;
    scene.hear_text(ZOE, "wamid.2", "More").await?;
    assert_eq!(scene.read_marks().await?, ["wamid.2"]);
    for word in ["'always'", "null"] {
        let refusal = pg_chat_tests::Refusal::expect(scene.ask(eve, &set(word)).await);
        assert_eq!(refusal.detail.as_deref(), Some("chat/bad_read_policy"));
    }
    Ok(())
}
