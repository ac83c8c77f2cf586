//! A webhook's messages become rows: each once, in its conversation, shown as what it is.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{image, text};
use serde_json::json;

use crate::scene::{Scene, ZOE, id, only};

#[tokio::test]
async fn the_first_message_of_a_new_person_makes_the_person_and_a_conversation() -> Result<()> {
    let scene = Scene::open().await?;
    let answer = scene
        .hear_text(ZOE, "wamid.1", "Is my order on its way?")
        .await?;
    assert_eq!(
        answer,
        json!({"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 1})
    );

    let conversation = scene.conversation_of(ZOE).await?;
    assert_eq!(
        only(
            &conversation,
            "channel status phone_number_id last_seq last_public_seq inbound_count \
            message_count unread_agent_count last_message_text last_message_by session_number"
        ),
        json!({
            "channel": "whatsapp", "status": "pending", "phone_number_id": scene.number.phone_number_id,
            "last_seq": 1, "last_public_seq": 1, "inbound_count": 1, "message_count": 1, "unread_agent_count": 1,
            "last_message_text": "Is my order on its way?", "last_message_by": "visitor",
            "session_number": "CHAT-00000001",
        })
    );
    let person = scene
        .row(&format!(
            "select * from mod_chat_visitors where id = '{}'",
            conversation["visitor_id"].as_str().unwrap()
        ))
        .await?;
    assert_eq!(
        only(
            &person,
            "name whatsapp_phone channel total_messages total_conversations"
        ),
        json!({
            "name": "Phone 15550100002", "whatsapp_phone": ZOE, "channel": "whatsapp", "total_messages": 1,
            "total_conversations": 1,
        })
    );
    let message = scene.message("wamid.1").await?;
    assert_eq!(
        only(
            &message,
            "sender_type sender_id kind content_type delivery_state status seq public_seq"
        ),
        json!({
            "sender_type": "visitor", "sender_id": person["id"], "kind": "text", "content_type": "text",
            "delivery_state": "received", "status": "delivered", "seq": 1, "public_seq": 1,
        })
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_burst_of_a_new_person_makes_one_conversation_in_the_order_written() -> Result<()> {
    let scene = Scene::open().await?;
    let burst = [
        text(ZOE, "wamid.1", "Hi"),
        text(ZOE, "wamid.2", "me"),
        text(ZOE, "wamid.3", "again"),
    ];
    assert_eq!(scene.hear(&burst).await?["stored"], 3);
    scene.hear_text(ZOE, "wamid.4", "and again").await?;

    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    let words = scene
        .rows("select content from mod_chat_messages order by seq")
        .await?;
    assert_eq!(
        words.iter().map(|m| &m["content"]).collect::<Vec<_>>(),
        ["Hi", "me", "again", "and again"]
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_album_of_one_second_keeps_its_order() -> Result<()> {
    let scene = Scene::open().await?;
    let album: Vec<_> = (0..10)
        .map(|n| image(ZOE, &format!("wamid.{n}"), &format!("picture {n}")))
        .collect();
    scene.hear(&album).await?;
    let shown = scene
        .rows("select content from mod_chat_messages order by sent_at, seq")
        .await?;
    let expected: Vec<_> = (0..10).map(|n| format!("picture {n}")).collect();
    assert_eq!(
        shown
            .iter()
            .map(|m| m["content"].as_str().unwrap())
            .collect::<Vec<_>>(),
        expected
    );
    Ok(())
}

#[tokio::test]
async fn a_repeated_delivery_changes_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.1", "Hello").await?;
    let before = scene.conversation_of(ZOE).await?;
    let answer = scene.hear_text(ZOE, "wamid.1", "Hello").await?;
    assert_eq!(
        answer,
        json!({"stored": 0, "duplicate": 1, "dead": 0, "enqueued": 0})
    );
    assert_eq!(scene.conversation_of(ZOE).await?, before);
    let twice = [text(ZOE, "wamid.2", "Once"), text(ZOE, "wamid.2", "Once")];
    assert_eq!(
        only(&scene.hear(&twice).await?, "stored duplicate"),
        json!({"stored": 1, "duplicate": 1})
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_repetition_that_comes_late_neither_reopens_nor_opens_a_conversation() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    scene
        .hear_text(ZOE, &format!("wamid.visit.{ZOE}"), "Hello")
        .await?;
    assert_eq!(scene.again(&conversation).await?["status"], "resolved");
    scene.patch(ada, &conversation, "status = 'closed'").await?;
    scene
        .hear_text(ZOE, &format!("wamid.visit.{ZOE}"), "Hello")
        .await?;
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_image_is_shown_before_its_file_is_here() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .hear(&[image(ZOE, "wamid.1", "The broken part")])
        .await?;
    let message = scene.message("wamid.1").await?;
    assert_eq!(
        only(
            &message,
            "kind content_type content file_state file_url file_mime_type"
        ),
        json!({
            "kind": "image", "content_type": "image", "content": "The broken part", "file_state": "pending",
            "file_url": null, "file_mime_type": "image/jpeg",
        })
    );
    assert_eq!(
        only(&message["metadata"]["media"], "id mime sha256"),
        json!({"id": "media-wamid.1", "mime": "image/jpeg", "sha256": "c2hh"})
    );
    Ok(())
}

#[tokio::test]
async fn a_quote_points_at_the_message_it_answers_if_we_have_it() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.1", "Which one?").await?;
    let mut quotes = text(ZOE, "wamid.2", "This one");
    quotes["context"] = json!({"from": ZOE, "id": "wamid.1"});
    let mut lost = text(ZOE, "wamid.3", "And that one");
    lost["context"] = json!({"from": ZOE, "id": "wamid.before.our.time"});
    scene.hear(&[quotes, lost]).await?;
    assert_eq!(
        scene.message("wamid.2").await?["reply_to_id"],
        scene.message("wamid.1").await?["id"]
    );
    let lost = scene.message("wamid.3").await?;
    assert_eq!(lost["reply_to_id"], json!(null));
    assert_eq!(
        lost["metadata"]["context"]["wamid"],
        "wamid.before.our.time"
    );
    Ok(())
}

#[tokio::test]
async fn a_type_nobody_knows_is_a_visible_placeholder_with_the_raw_message() -> Result<()> {
    let scene = Scene::open().await?;
    let hologram = json!({"from": ZOE, "id": "wamid.1", "timestamp": "1760000000", "type": "hologram",
        "hologram": {"shape": "cube"}});
    assert_eq!(
        scene.hear(std::slice::from_ref(&hologram)).await?["stored"],
        1
    );
    let message = scene.message("wamid.1").await?;
    assert_eq!(
        only(&message, "kind content_type"),
        json!({"kind": "unknown", "content_type": "text"})
    );
    assert_eq!(message["metadata"]["raw"], hologram);
    assert_eq!(scene.conversation_of(ZOE).await?["unread_agent_count"], 1);
    Ok(())
}

#[tokio::test]
async fn what_whatsapp_does_not_pass_on_is_shown_with_its_words() -> Result<()> {
    let scene = Scene::open().await?;
    let poll = json!({"from": ZOE, "id": "wamid.1", "timestamp": "1760000000", "type": "unsupported",
        "errors": [{"code": 131_051, "title": "Message type unknown", "message": "Message type unknown",
            "error_data": {"details": "Message type is currently not supported."}}]});
    scene.hear(&[poll]).await?;
    let message = scene.message("wamid.1").await?;
    assert_eq!(message["kind"], "unsupported");
    assert!(
        message["content"]
            .as_str()
            .unwrap()
            .contains("not supported"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn an_unbelievable_time_is_taken_as_now() -> Result<()> {
    let scene = Scene::open().await?;
    let mut ahead = text(ZOE, "wamid.ahead", "from the future");
    ahead["timestamp"] = json!((jiff::Timestamp::now().as_second() + 86_400).to_string());
    let mut none = text(ZOE, "wamid.none", "whenever");
    none["timestamp"] = json!("yesterday");
    scene.hear(&[ahead, none]).await?;
    let wrong = scene
        .count("mod_chat_messages where abs(extract(epoch from sent_at - created_at)) > 5")
        .await?;
    assert_eq!(wrong, 0);
    Ok(())
}

#[tokio::test]
async fn an_old_message_that_comes_late_stands_in_its_place_and_is_no_preview() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.new", "The newest").await?;
    let window = scene.conversation_of(ZOE).await?["whatsapp_window_expires_at"].clone();
    let mut late = text(ZOE, "wamid.old", "Written hours ago");
    late["timestamp"] = json!(jiff::Timestamp::now().as_second() - 7_200);
    scene.hear(&[late]).await?;

    let conversation = scene.conversation_of(ZOE).await?;
    assert_eq!(conversation["last_message_text"], "The newest");
    assert_eq!(
        conversation["whatsapp_window_expires_at"], window,
        "an older message shortens no window"
    );
    let order = scene
        .rows("select whatsapp_message_id as id from mod_chat_messages order by sent_at, seq")
        .await?;
    assert_eq!(
        order.iter().map(|m| &m["id"]).collect::<Vec<_>>(),
        ["wamid.old", "wamid.new"]
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_message_opens_the_window_for_a_day_from_when_it_was_written() -> Result<()> {
    let scene = Scene::open().await?;
    let mut earlier = text(ZOE, "wamid.1", "Hello");
    earlier["timestamp"] = json!(jiff::Timestamp::now().as_second() - 3_600);
    scene.hear(&[earlier]).await?;
    let conversation = scene.conversation_of(ZOE).await?;
    let days = scene
        .row(&format!(
            "select whatsapp_window_expires_at = last_message_at + interval '24 hours' as exactly
            from mod_chat_conversations where id = {}",
            id(&conversation)
        ))
        .await?;
    assert_eq!(days["exactly"], true);
    Ok(())
}
