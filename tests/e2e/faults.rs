//! Meta misbehaves; no message is sent twice, and none is lost without a word.

use anyhow::{Context, Result};
use local_stack::graph::{Delivery, Fault, Instant, Misbehaviour};
use pg_chat_tests::wait_until;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, ZOE};

/// Gives up on Graph soon, and looks at the queue often.
const QUICK: [(&str, &str); 3] = [
    ("CHAT_GRAPH_TIMEOUT_MS", "1500"),
    ("CHAT_GRAPH_CONNECT_MS", "500"),
    ("CHAT_QUEUE_POLL_MS", "200"),
];

/// A stage where Zoe has written, statuses are held back, and the next send misbehaves.
async fn stage_with(does: Misbehaviour) -> Result<(Stage, Uuid)> {
    let stage = Stage::open_with(&QUICK).await?;
    let conversation = stage.writes(ZOE, "Hello").await?;
    stage.meta().set_delivery(Delivery {
        hold: true,
        ..Delivery::default()
    })?;
    stage.meta().add_fault(Fault::next(does))?;
    Ok((stage, conversation))
}

impl Stage {
    /// Outcomes of all attempts of a message.
    async fn attempts(&self, message: Uuid) -> Result<Vec<Value>> {
        let attempts = format!(
            "select outcome from chat.attempts where message_id = '{message}' order by number"
        );
        Ok(self
            .db
            .rows(&attempts)
            .await?
            .iter()
            .map(|attempt| attempt["outcome"].clone())
            .collect())
    }

    /// Lets go of the statuses that were held back.
    fn statuses_come(&self) -> Result<()> {
        self.meta().set_delivery(Delivery::default())?;
        self.meta().release();
        Ok(())
    }

    /// A message was refused by Graph and waits; what it said.
    async fn once_refused(&self, message: Uuid) -> Result<Value> {
        wait_until("Graph has refused it once", async || {
            let last_try = self.message(message).await?["metadata"]["last_try"].clone();
            Ok((!last_try.is_null()).then_some(last_try))
        })
        .await
    }
}

#[tokio::test]
async fn what_was_sent_without_an_answer_is_unknown_until_a_status_tells_and_is_not_sent_again()
-> Result<()> {
    for does in [
        Misbehaviour::NeverAnswer,
        Misbehaviour::CutAfter,
        Misbehaviour::BrokenAnswer {
            http: 500,
            sent: true,
        },
        Misbehaviour::BrokenAnswer {
            http: 502,
            sent: true,
        },
    ] {
        let (stage, conversation) = stage_with(does).await?;
        let answer = stage.answers(conversation, "Only once").await?;
        stage.once(answer, "unknown").await?;
        stage.statuses_come()?;
        stage.once(answer, "read").await?;
        let next = stage.answers(conversation, "And this").await?;
        stage.once(next, "read").await?;
        assert_eq!(stage.words_on(ZOE), ["Only once", "And this"], "{does:?}");
        assert_eq!(stage.attempts(answer).await?, ["accepted"], "{does:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_never_left_is_unknown_too_and_sent_again_only_by_a_person() -> Result<()> {
    for does in [
        Misbehaviour::CutBefore,
        Misbehaviour::BrokenAnswer {
            http: 503,
            sent: false,
        },
    ] {
        let (stage, conversation) = stage_with(does).await?;
        let answer = stage.answers(conversation, "Are you there?").await?;
        stage.once(answer, "unknown").await?;
        stage.statuses_come()?;
        stage.pauses_end().await?;
        let next = stage.answers(conversation, "The lane goes on").await?;
        stage.once(next, "read").await?;
        assert_eq!(stage.words_on(ZOE), ["The lane goes on"], "{does:?}");

        stage
            .db
            .as_owner(
                "update public.mod_chat_messages set updated_at = now() - interval '11 minutes'",
            )
            .await?;
        wait_until("the agent is asked", async || {
            let error = stage.message(answer).await?["metadata"]["error"].clone();
            Ok(error["advice"].is_string().then_some(()))
        })
        .await?;
        stage
            .db
            .desk(stage.ada)
            .rows(&format!("select * from chat_resend_message('{answer}')"))
            .await?;
        stage.once(answer, "read").await?;
        assert_eq!(stage.words_on(ZOE), ["The lane goes on", "Are you there?"]);
        assert_eq!(stage.attempts(answer).await?, ["unknown", "accepted"]);
    }
    Ok(())
}

#[tokio::test]
async fn too_much_for_one_person_waits_and_goes_out_in_order() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::Refuse {
        code: 131_056,
        http: None,
    })
    .await?;
    stage.statuses_come()?;
    let first = stage.answers(conversation, "first").await?;
    let second = stage.answers(conversation, "second").await?;
    stage.once(second, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["first", "second"]);
    assert_eq!(stage.attempts(first).await?, ["retry", "accepted"]);
    Ok(())
}

#[tokio::test]
async fn lesson_38_an_unexplained_refusal_is_tried_again_and_each_try_is_kept() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::Refuse {
        code: 131_000,
        http: None,
    })
    .await?;
    stage.statuses_come()?;
    let answer = stage.answers(conversation, "Hello Zoe").await?;
    assert_eq!(stage.once_refused(answer).await?["code"], 131_000);
    stage.pauses_end().await?;
    stage.once(answer, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["Hello Zoe"]);
    assert_eq!(stage.attempts(answer).await?, ["retry", "accepted"]);
    Ok(())
}

#[tokio::test]
async fn an_expired_token_stops_the_number_and_loses_nothing() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::Refuse {
        code: 190,
        http: None,
    })
    .await?;
    stage.statuses_come()?;
    let first = stage.answers(conversation, "first").await?;
    let second = stage.answers(conversation, "second").await?;
    assert_eq!(stage.once_refused(first).await?["code"], 190);
    assert_eq!(stage.message(second).await?["delivery_state"], "queued");
    assert!(
        stage
            .worker
            .log()?
            .lines()
            .any(|line| line.contains("ERROR") && line.contains("190")),
        "it is said aloud"
    );
    // The operator has put a new token in place, and its worker says so.
    stage
        .db
        .as_owner("do $$ begin perform public.chat_token_in_use(a.id, 'the next one') from chat.whatsapp_accounts a; end $$")
        .await?;
    stage.once(second, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["first", "second"]);
    Ok(())
}

#[tokio::test]
async fn a_locked_account_holds_its_messages_and_tells_the_owner() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::Refuse {
        code: 131_031,
        http: None,
    })
    .await?;
    stage.statuses_come()?;
    let answer = stage.answers(conversation, "Hello again").await?;
    assert_eq!(stage.once_refused(answer).await?["code"], 131_031);
    assert_eq!(
        stage
            .db
            .count("chat.number_stops where error ->> 'advice' like '%appeal%'")
            .await?,
        1
    );
    // The account is free again, and the five minutes are over.
    stage
        .db
        .as_owner("update chat.lanes set next_at = clock_timestamp() where not busy and ready")
        .await?;
    stage.once(answer, "read").await?;
    assert_eq!(
        stage
            .db
            .rows("select name from chat.events where name like 'chat.whatsapp.%' order by id")
            .await?,
        [
            json!({"name": "chat.whatsapp.stopped"}),
            json!({"name": "chat.whatsapp.resumed"})
        ]
    );
    Ok(())
}

#[tokio::test]
async fn what_meta_refuses_for_good_fails_with_advice_and_the_next_goes_on() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::Refuse {
        code: 131_026,
        http: None,
    })
    .await?;
    stage.statuses_come()?;
    let first = stage.answers(conversation, "first").await?;
    let second = stage.answers(conversation, "second").await?;
    let failed = stage.once(first, "failed").await?;
    let error = &failed["metadata"]["error"];
    assert_eq!(error["code"], 131_026);
    assert!(
        error["title"].is_string() && error["advice"].is_string(),
        "{error}"
    );
    stage.once(second, "read").await?;
    Ok(())
}

#[tokio::test]
async fn what_fails_after_it_was_accepted_shows_why() -> Result<()> {
    let (stage, conversation) = stage_with(Misbehaviour::FailLater { code: 131_047 }).await?;
    stage.statuses_come()?;
    let answer = stage.answers(conversation, "Too late").await?;
    let failed = stage.once(answer, "failed").await?;
    assert_eq!(
        (&failed["status"], &failed["metadata"]["error"]["code"]),
        (&json!("failed"), &json!(131_047))
    );
    let refused = stage
        .db
        .desk(stage.ada)
        .answer(conversation, "Anyway")
        .await;
    assert_eq!(
        pg_chat_tests::Refusal::expect(refused).detail.as_deref(),
        Some("chat/window_closed")
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_killed_between_the_send_and_its_answer_does_not_send_again() -> Result<()> {
    let (mut stage, conversation) = stage_with(Misbehaviour::Slow { millis: 0 }).await?;
    stage.meta().clear_faults();
    let pid = stage.worker.pid().context("the worker runs")?;
    stage
        .meta()
        .on_kill(move || kill_process(pid, Signal::KILL).expect("it has not ended yet"));
    stage.meta().add_fault(Fault::next(Misbehaviour::Kill {
        at: Instant::BeforeAnswering,
    }))?;
    let answer = stage.answers(conversation, "Only once").await?;
    wait_until("the worker was killed", async || {
        Ok(stage.worker.has_ended()?.then_some(()))
    })
    .await?;
    assert_eq!(stage.message(answer).await?["delivery_state"], "sending");

    stage
        .db
        .as_owner("update chat.lanes set lease_until = clock_timestamp() where busy")
        .await?;
    stage.worker.restart().await?;
    stage.once(answer, "unknown").await?;
    stage.statuses_come()?;
    stage.once(answer, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["Only once"]);
    Ok(())
}
