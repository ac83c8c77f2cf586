//! Clocks that stand still, end and begin anew: the visitor is waited for, or it is over.

use anyhow::Result;
use serde_json::{Value, json};

use super::scene;
use crate::scene::id;

#[tokio::test]
async fn while_the_visitor_is_waited_for_the_solution_does_not_get_late() -> Result<()> {
    let (scene, _, ada) = scene().await?;
    let chat = scene.asked().await?;
    scene.answer(ada, &chat, "Which one?").await?;
    scene.patch(ada, &chat, "status = 'waiting'").await?;
    scene.look("1 day").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], Value::Null);
    let clock = scene.clock(ada, &chat, "resolution").await?;
    assert_eq!(clock["state"], "paused", "{clock}");
    // The wait lasted three hours.
    scene
        .as_owner("update chat.sla_pauses set began_at = began_at - interval '3 hours'")
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set created_at = created_at - interval '200 minutes' where id = {}",
            id(&chat)
        ))
        .await?;
    scene.writes(&chat, "visitor").await?;
    scene.answer(ada, &chat, "Thanks").await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?,
        json!({"minutes": 420, "target": "resolution"})
    );
    let pauses = "select ended_at is null as open, is_end from chat.sla_pauses order by id";
    assert_eq!(
        scene.rows(pauses).await?,
        [json!({"open": false, "is_end": false})]
    );
    // Who gives a waiting chat back to the queue ends its wait as well.
    scene.patch(ada, &chat, "status = 'waiting'").await?;
    scene
        .as_agent(ada, &format!("select chat_unassign({})", id(&chat)))
        .await?;
    assert_eq!(
        scene
            .count("chat.sla_pauses where ended_at is null")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn opened_again_the_new_question_counts_and_the_old_one_does_not() -> Result<()> {
    let (scene, adam, ada) = scene().await?;
    let chat = scene.asked().await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    // The tick sees all of it at once.
    scene.patch(adam, &chat, "status = 'pending'").await?;
    scene.writes(&chat, "visitor").await?;
    scene.look("0").await?;
    let asked = "select asked ->> 'seq' as seq from chat.sla_cases";
    assert_eq!(scene.row(asked).await?["seq"], "2");
    assert_eq!(
        scene.clock(ada, &chat, "resolution").await?["state"],
        "running"
    );
    scene.look("61 minutes").await?;
    assert_eq!(
        scene.told_of(&chat).await?,
        json!(["first_response_breached"])
    );
    Ok(())
}

/// A host may write into a chat that is over, which opens nothing.
#[tokio::test]
async fn what_was_said_while_it_was_over_is_not_waited_for() -> Result<()> {
    for looks_meanwhile in [true, false] {
        let (scene, adam, ada) = scene().await?;
        let chat = scene.asked().await?;
        scene.patch(ada, &chat, "status = 'resolved'").await?;
        scene.writes(&chat, "visitor").await?;
        let status = scene.again(&chat).await?["status"].clone();
        assert_eq!(status, "resolved");
        if looks_meanwhile {
            scene.look("0").await?;
        }
        scene.patch(adam, &chat, "status = 'pending'").await?;
        scene.writes(&chat, "visitor").await?;
        scene.look("0").await?;
        let asked = "select asked ->> 'seq' as seq from chat.sla_cases";
        assert_eq!(scene.row(asked).await?["seq"], "3");
    }
    Ok(())
}
