//! Two visitors who turn out to be one person, and an agent who was mistaken about it.

use anyhow::Result;
use pg_chat_tests::{Refusal, Site};
use serde_json::{Value, json};
use uuid::Uuid;

use super::said;
use crate::scene::{Scene, ZOE};

async fn three(scene: &Scene) -> Result<[Uuid; 3]> {
    let site = &scene.site;
    Ok([
        site.visitor("Zoe at home").await?,
        site.visitor("Zoe at work").await?,
        site.visitor("Zoe's phone").await?,
    ])
}

fn merge(visitor: Uuid, into: Uuid) -> String {
    format!("select * from chat_merge_visitors('{visitor}', '{into}')")
}

#[tokio::test]
async fn a_person_is_shown_over_all_their_rows() -> Result<()> {
    let scene = Scene::open().await?;
    let [home, work, phone] = three(&scene).await?;
    for visitor in [home, home, work] {
        scene.site.conversation(visitor).await?;
    }
    scene
        .as_owner("update mod_chat_visitors set tags = array[split_part(name, ' ', 3), 'zoe']")
        .await?;
    scene.as_boss(&merge(phone, work)).await?;
    scene.as_boss(&merge(work, home)).await?;
    for asked in [home, work, phone] {
        let person = scene.boss_gets(&format!("chat_person('{asked}')")).await?;
        assert_eq!(person["person"]["id"], json!(home));
        assert_eq!(person["merged"].as_array().map(Vec::len), Some(2));
        assert_eq!(person["total_conversations"], 3);
        assert_eq!(person["tags"], json!(["home", "work", "zoe"]));
    }
    Ok(())
}

#[tokio::test]
async fn undoing_a_merge_leaves_everything_as_it_was() -> Result<()> {
    let scene = Scene::open().await?;
    let [home, work, phone] = three(&scene).await?;
    scene.site.conversation(work).await?;
    let everything = "select jsonb_agg(to_jsonb(v) - 'updated_at' order by id) as visitors,
        (select jsonb_agg(to_jsonb(c) order by id) from mod_chat_conversations c) as conversations from mod_chat_visitors v";
    let before = scene.row(everything).await?;
    scene.as_boss(&merge(phone, work)).await?;
    scene.as_boss(&merge(work, home)).await?;
    let gone = scene
        .as_boss(&format!("select * from chat_unmerge_visitor('{work}')"))
        .await?;
    assert_eq!(gone[0]["merged_into"], Value::Null);
    let still = scene.boss_gets(&format!("chat_person('{phone}')")).await?;
    assert_eq!(
        still["person"]["id"],
        json!(work),
        "the other merge is not undone"
    );
    scene
        .as_boss(&format!("select * from chat_unmerge_visitor('{phone}')"))
        .await?;
    assert_eq!(scene.row(everything).await?, before);
    assert_eq!(
        scene
            .boss_is_refused(&format!("select * from chat_unmerge_visitor('{phone}')"))
            .await,
        said("PT409", "chat/not_merged")
    );
    Ok(())
}

#[tokio::test]
async fn nobody_is_merged_into_themselves_or_in_a_circle() -> Result<()> {
    let scene = Scene::open().await?;
    let [home, work, phone] = three(&scene).await?;
    scene.as_boss(&merge(phone, work)).await?;
    scene.as_boss(&merge(work, home)).await?;
    for (visitor, into) in [(home, home), (home, phone), (home, work), (phone, home)] {
        assert_eq!(
            scene.boss_is_refused(&merge(visitor, into)).await,
            said("PT409", "chat/already_merged")
        );
    }
    let other = scene.site.visitor("Somebody").await?;
    assert_eq!(
        scene.boss_is_refused(&merge(phone, other)).await,
        said("PT409", "chat/already_merged")
    );
    Ok(())
}

/// Four who are merged in a ring at the same moment: at least one of the merges has to be refused.
#[tokio::test]
async fn merges_at_the_same_moment_make_no_circle() -> Result<()> {
    let scene = Scene::open().await?;
    for round in 0..10 {
        let mut ring = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ring.push(scene.site.visitor(&format!("{name}{round}")).await?);
        }
        let merges: Vec<String> = (0..4).map(|n| merge(ring[n], ring[(n + 1) % 4])).collect();
        let done = tokio::join!(
            scene.as_boss(&merges[0]),
            scene.as_boss(&merges[1]),
            scene.as_boss(&merges[2]),
            scene.as_boss(&merges[3])
        );
        let mut merged = 0;
        for merge in [done.0, done.1, done.2, done.3] {
            match merge {
                Ok(_) => merged += 1,
                Err(error) => assert_eq!(
                    Refusal::of(&error).map(|refusal| refusal.sqlstate),
                    Some("PT409".to_owned()),
                    "in round {round}: {error}"
                ),
            }
        }
        assert!(
            (1..=3).contains(&merged),
            "{merged} merges in round {round}"
        );
        let people = scene
            .count(&format!(
                "(select distinct chat.person_of(id) from mod_chat_visitors where name ~ '^[a-d]{round}$') p"
            ))
            .await?;
        assert_eq!(people, 4 - merged);
    }
    Ok(())
}

#[tokio::test]
async fn people_of_two_sites_are_never_one() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    let elsewhere = Site::make(&scene.db).await?;
    let other = elsewhere.visitor("Zoe").await?;
    assert_eq!(
        scene.boss_is_refused(&merge(zoe, other)).await,
        said("PT404", "chat/no_such_visitor")
    );
    scene
        .as_owner(&format!(
            "insert into agency_members values ('{}', '{}', 'admin')",
            elsewhere.agency, scene.site.owner
        ))
        .await?;
    assert_eq!(
        scene.boss_is_refused(&merge(zoe, other)).await,
        said("PT422", "chat/different_sites")
    );
    Ok(())
}

/// What an agent merged is the agents' view. Somebody's messages go on in their own conversation.
#[tokio::test]
async fn a_merged_person_goes_on_writing_in_their_own_conversation() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.visit(ZOE).await?;
    let home = scene.site.visitor("Zoe at home").await?;
    let visitor: Uuid = serde_json::from_value(chat["visitor_id"].clone())?;
    scene.as_boss(&merge(visitor, home)).await?;
    scene.hear_text(ZOE, "wamid.2", "me again").await?;
    assert_eq!(
        scene.message("wamid.2").await?["conversation_id"],
        chat["id"]
    );
    assert_eq!(scene.visitor_now(home).await?["total_messages"], 0);
    Ok(())
}
