//! Finding what was said: at once, after the index caught up, misspelt, changed and erased.

use anyhow::{Result, ensure};
use pg_chat_tests::{Agent, Refusal, wait_until};
use serde_json::{Value, json};

use crate::scene::{Scene, YUKI, ZOE, id};

impl Scene {
    /// What a search answers.
    async fn search(&self, agent: Agent, words: &str) -> Result<Value> {
        let call = format!(
            "select chat_search('{}', '{}') as said",
            self.site.id,
            words.replace('\'', "''")
        );
        Ok(self.as_agent(agent, &call).await?[0]["said"].clone())
    }

    /// The texts it finds, with what matched in brackets.
    async fn finds(&self, agent: Agent, words: &str) -> Result<Vec<String>> {
        Ok(texts(&self.search(agent, words).await?))
    }

    /// Ticks until the index has everything that was said before. Transactions of other databases hold it up, too.
    async fn index(&self) -> Result<()> {
        let behind =
            "chat.events, chat.words_progress p where id > p.event_id and message_id is not null";
        wait_until("every word is indexed", async || {
            self.as_owner("select chat_tick()").await?;
            let due = self.count(behind).await? + self.count("chat.words_due").await?;
            Ok((due == 0).then_some(()))
        })
        .await
    }
}

fn texts(said: &Value) -> Vec<String> {
    let excerpt = |hit: &Value| -> String {
        hit["excerpt"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|part| match (&part["match"], part["text"].as_str()) {
                (Value::Bool(true), Some(text)) => format!("[{text}]"),
                (_, text) => text.unwrap_or_default().to_owned(),
            })
            .collect()
    };
    said["hits"]
        .as_array()
        .into_iter()
        .flatten()
        .map(excerpt)
        .collect()
}

#[tokio::test]
async fn a_message_is_found_at_once_and_when_it_is_indexed() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.hear_text(ZOE, "wamid.1", "My parcel is late").await?;
    scene
        .answer(ada, &chat, "Which parcels do you mean?")
        .await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, kind, content)
            values ({}, 'agent', 'note', 'The parcel was lost')",
            id(&chat)
        ))
        .await?;
    let expected = [
        "The [parcel] was lost",
        "Which [parcels] do you mean",
        "My [parcel] is late",
    ];
    assert_eq!(scene.finds(ada, "PARCEL").await?, expected);
    ensure!(
        scene.count("chat.message_words").await? == 0,
        "nothing was indexed yet"
    );
    scene.index().await?;
    ensure!(scene.count("chat.message_words").await? == 4);
    assert_eq!(scene.finds(ada, "PARCEL").await?, expected);
    assert_eq!(
        scene.finds(ada, "parcel lost").await?,
        ["The [parcel] was [lost]"]
    );
    assert_eq!(
        scene.finds(ada, r#""is late""#).await?,
        ["My parcel [is] [late]"]
    );
    assert_eq!(
        scene.finds(ada, "parcel -lost").await?,
        ["My [parcel] is late"]
    );
    Ok(())
}

#[tokio::test]
async fn a_misspelt_word_finds_what_is_spelt_alike() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .hear_text(ZOE, "wamid.1", "Where is my delivery?")
        .await?;
    scene.index().await?;
    let said = scene.search(ada, "delvery").await?;
    assert_eq!(
        (texts(&said), &said["alike"]),
        (vec!["Where is my [delivery]".to_owned()], &json!(true))
    );
    assert_eq!(scene.finds(ada, "bicycle").await?, [""; 0]);

    // Whoever is erased leaves no word behind.
    scene.as_owner("delete from mod_chat_visitors").await?;
    scene.index().await?;
    ensure!(scene.count("chat.message_words").await? == 0);
    ensure!(scene.count("chat.words").await? == 0);
    Ok(())
}

#[tokio::test]
async fn a_text_that_changed_is_found_as_it_is_now() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.hear_text(ZOE, "wamid.1", "I want a refund").await?;
    scene.index().await?;
    let change = "update mod_chat_messages set content = 'I want a replacement'";
    scene.as_owner(change).await?;
    for indexed in [false, true] {
        if indexed {
            scene.index().await?;
        }
        assert_eq!(scene.finds(ada, "\"refund\"").await?, [""; 0]);
        assert_eq!(
            scene.finds(ada, "replacement").await?,
            ["I want a [replacement]"]
        );
    }
    scene
        .as_owner("update mod_chat_messages set content = null")
        .await?;
    scene.index().await?;
    ensure!(scene.count("chat.message_words").await? == 0);
    Ok(())
}

/// A tick that indexes has routing rows; whoever changes a message wants one at commit.
#[tokio::test]
async fn indexing_waits_for_nobody_who_changes_a_message() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.1", "first").await?;
    scene.index().await?;
    scene
        .as_owner("update mod_chat_messages set content = 'second'")
        .await?;
    // As a send that ends does it: first without, then with a new number of the change, which is a key.
    let mut other = scene.db.owner().begin().await?;
    sqlx::raw_sql("update mod_chat_messages set whatsapp_status = 'sent'; update mod_chat_messages set change = 9")
        .execute(&mut *other)
        .await?;
    let mut tick = scene.db.owner().begin().await?;
    sqlx::raw_sql("set local lock_timeout = '1s'; select chat_tick()")
        .execute(&mut *tick)
        .await?;
    tick.commit().await?;
    let indexed = "chat.message_words where words @@ 'second'";
    assert_eq!(scene.count(indexed).await?, 0);
    other.commit().await?;
    scene.index().await?;
    assert_eq!(scene.count(indexed).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_message_that_changes_while_old_ones_are_indexed_is_not_left_out() -> Result<()> {
    let scene = Scene::open().await?;
    for wamid in ["wamid.1", "wamid.2", "wamid.3"] {
        scene.hear_text(ZOE, wamid, "written").await?;
    }
    scene.index().await?;
    // As after an install beside messages that were there before.
    let nothing = "delete from chat.message_words; update chat.words_progress set adopted = '00000000-0000-0000-0000-000000000000'";
    sqlx::raw_sql(nothing).execute(scene.db.owner()).await?;
    let mut other = scene.db.owner().begin().await?;
    let read =
        "update mod_chat_messages set change = change + 100 where whatsapp_message_id = 'wamid.2'";
    sqlx::query(read).execute(&mut *other).await?;
    for _ in 0..3 {
        scene.as_owner("select chat_tick()").await?;
    }
    other.rollback().await?;
    wait_until("all are indexed", async || {
        scene.as_owner("select chat_tick()").await?;
        let adopting = scene
            .count("chat.words_progress where adopted is not null")
            .await?;
        Ok((adopting == 0).then_some(()))
    })
    .await?;
    assert_eq!(scene.count("chat.message_words").await?, 3);
    Ok(())
}

/// Event ids are given before they commit, so a later one may be seen first.
#[tokio::test]
async fn a_message_that_commits_late_is_indexed_all_the_same() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let mut slow = scene.db.owner().begin().await?;
    sqlx::query("insert into mod_chat_messages (conversation_id, sender_type, content) values ($1, 'visitor', 'slowly written')")
        .bind(crate::scene::uuid_of(&chat))
        .execute(&mut *slow)
        .await?;
    scene.hear_text(YUKI, "wamid.2", "quickly written").await?;
    for _ in 0..9 {
        scene.as_owner("select chat_tick()").await?;
    }
    slow.commit().await?;
    let both = ["quickly [written]", "slowly [written]"];
    let mut found = scene.finds(ada, "written").await?;
    found.sort();
    assert_eq!(found, both);
    scene.index().await?;
    let indexed = "chat.message_words where words @@ 'written'";
    assert_eq!(scene.count(indexed).await?, 2);
    Ok(())
}

/// Whoever began last has an id that no snapshot knows, and an event id below one that is there already.
#[tokio::test]
async fn a_message_of_the_youngest_transaction_is_indexed_all_the_same() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = crate::scene::uuid_of(&scene.visit(ZOE).await?);
    let visitor = scene.site.visitor("Yann").await?;
    scene.index().await?;
    let mut older = scene.db.owner().begin().await?;
    sqlx::query("select pg_current_xact_id()")
        .execute(&mut *older)
        .await?;
    let mut younger = scene.db.owner().begin().await?;
    sqlx::query("insert into mod_chat_messages (conversation_id, sender_type, content) values ($1, 'visitor', 'written')")
        .bind(chat)
        .execute(&mut *younger)
        .await?;
    // It is not broadcast, which would be a transaction within, of an id of its own.
    sqlx::query("insert into mod_chat_conversations (site_id, visitor_id) values ($1, $2)")
        .bind(scene.site.id)
        .bind(visitor)
        .execute(&mut *older)
        .await?;
    older.commit().await?;
    for _ in 0..9 {
        scene.as_owner("select chat.index_words(100)").await?;
    }
    younger.commit().await?;
    scene.index().await?;
    let indexed = "chat.message_words where words @@ 'written'";
    assert_eq!(scene.count(indexed).await?, 1);
    Ok(())
}

/// A dump that is read in another cluster brings a transaction id that is far from come there.
#[tokio::test]
async fn what_is_written_after_a_move_to_another_cluster_is_indexed() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    scene.hear_text(ZOE, "wamid.1", "before").await?;
    scene.index().await?;
    scene.hear_text(ZOE, "wamid.2", "afterwards").await?;
    scene
        .as_owner("update chat.words_progress set up_to = (select max(id) from chat.events), up_to_xid = '9000000000000'")
        .await?;
    scene.index().await?;
    let indexed = "chat.message_words where words @@ 'afterwards'";
    assert_eq!(scene.count(indexed).await?, 1);
    Ok(())
}

#[tokio::test]
async fn pages_of_hits_join_and_the_search_can_stay_in_a_conversation() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    for n in 0..7 {
        scene
            .hear_text(
                [ZOE, YUKI][n % 2],
                &format!("wamid.{n}"),
                &format!("Invoice number {n}"),
            )
            .await?;
    }
    scene.index().await?;
    let (mut after, mut hits) = (Value::Null, Vec::new());
    loop {
        let call = format!(
            "select chat_search('{}', 'invoice', '{after}', 3) as said",
            scene.site.id
        );
        let said = scene.as_agent(ada, &call).await?[0]["said"].clone();
        let page = said["hits"].as_array().cloned().unwrap_or_default();
        after = page.last().cloned().unwrap_or_default();
        hits.extend(page.iter().map(|hit| hit["message_id"].clone()));
        if said["more"] == false {
            break;
        }
    }
    let all = scene
        .rows("select id from mod_chat_messages order by sent_at desc, id desc")
        .await?;
    assert_eq!(
        hits,
        all.iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
    );

    let chat = scene.conversation_of(YUKI).await?;
    let call = format!(
        "select chat_search('{}', 'invoice', conversation => {}) as said",
        scene.site.id,
        id(&chat)
    );
    let said = &scene.as_agent(ada, &call).await?[0]["said"];
    assert_eq!(said["hits"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[tokio::test]
async fn hostile_words_are_words() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let words = "O'Hara <script>alert(1)</script> & | ! ( ) : * \\ \u{202e}right";
    scene.hear_text(ZOE, "wamid.1", words).await?;
    for query in [
        "o'hara",
        "right' | '",
        "a:* & !b",
        "\"",
        "\\",
        "((",
        "' or 1=1 --",
        "%_",
    ] {
        let call = format!(
            "select chat_search('{}', $q${query}$q$) as said",
            scene.site.id
        );
        match scene.as_agent(ada, &call).await {
            Ok(_) => {}
            Err(error) => {
                let refusal = Refusal::expect::<()>(Err(error));
                assert_eq!(
                    refusal.detail.as_deref(),
                    Some("chat/empty_query"),
                    "{query}: {refusal:?}"
                );
            }
        }
        let search = json!({"search": query}).to_string();
        scene
            .as_agent(ada, &format!("select * from chat_inbox($q${search}$q$)"))
            .await?;
    }
    let long = "word ".repeat(2_000_000);
    scene.search(ada, &long).await?;
    for empty in ["", " ", "!?"] {
        let call = format!("select chat_search('{}', '{empty}')", scene.site.id);
        let refusal = Refusal::expect(scene.as_agent(ada, &call).await);
        assert_eq!(
            refusal.detail.as_deref(),
            Some("chat/empty_query"),
            "`{empty}`"
        );
    }
    Ok(())
}

#[tokio::test]
async fn lines_of_the_system_are_not_what_anybody_said() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, 'system', 'a parcel left')",
            id(&chat)
        ))
        .await?;
    scene.index().await?;
    assert_eq!(scene.finds(ada, "parcel").await?, [""; 0]);
    scene
        .as_owner(
            "update mod_chat_messages set content = 'a parcel came' where sender_type = 'system'",
        )
        .await?;
    scene.index().await?;
    assert_eq!(scene.finds(ada, "parcel").await?, [""; 0]);
    Ok(())
}
