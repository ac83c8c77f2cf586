//! Of the agents who are there and have room, the least busy.

use anyhow::Result;
use pg_chat_tests::AgentIs;
use pg_chat_tests::recount::assert_counters_equal_recount;

use crate::scene::Scene;

#[tokio::test]
async fn the_least_busy_agent_by_share_of_their_room_gets_it() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                max: 4,
                ..AgentIs::default()
            },
        )
        .await?;
    let ben = scene
        .site
        .agent(
            "Ben",
            AgentIs {
                max: 10,
                ..AgentIs::default()
            },
        )
        .await?;
    scene.given(ada, 2).await?;
    scene.given(ben, 3).await?;
    let chat = scene.chat().await?;
    assert_eq!(
        scene.holder(&chat).await?,
        Some(ben.id),
        "3 of 10 is less than 2 of 4"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn of_equally_busy_agents_the_one_who_has_waited_longest_gets_it() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.given(ben, 1).await?;
    scene.given(ada, 1).await?;
    let chat = scene.chat().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ben.id));
    let cleo = scene.site.agent("Cleo", AgentIs::default()).await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'resolved'")
        .await?;
    let chat = scene.chat().await?;
    assert_eq!(
        scene.holder(&chat).await?,
        Some(cleo.id),
        "who never had one has waited longest"
    );
    Ok(())
}

#[tokio::test]
async fn who_is_away_busy_offline_or_has_left_gets_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    for status in ["away", "busy", "offline"] {
        scene
            .site
            .agent(
                status,
                AgentIs {
                    status,
                    ..AgentIs::default()
                },
            )
            .await?;
    }
    scene.site.agent("Left", AgentIs::default()).await?;
    scene
        .as_owner("update mod_chat_agents set is_active = false where display_name = 'Left'")
        .await?;
    let chat = scene.chat().await?;
    assert_eq!(
        (chat["status"].as_str(), scene.holder(&chat).await?),
        (Some("pending"), None)
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_without_room_gets_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .site
        .agent(
            "Nobody",
            AgentIs {
                max: 0,
                ..AgentIs::default()
            },
        )
        .await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                max: 1,
                ..AgentIs::default()
            },
        )
        .await?;
    let first = scene.chat().await?;
    let second = scene.chat().await?;
    assert_eq!(
        (scene.holder(&first).await?, scene.holder(&second).await?),
        (Some(ada.id), None)
    );
    Ok(())
}

#[tokio::test]
async fn a_departments_chat_goes_to_its_agents_only() -> Result<()> {
    let scene = Scene::open().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let support = scene.site.department("Support", 5).await?;
    scene
        .site
        .agent(
            "Free",
            AgentIs {
                department: Some(support),
                ..AgentIs::default()
            },
        )
        .await?;
    let seller = scene
        .site
        .agent(
            "Seller",
            AgentIs {
                department: Some(sales),
                ..AgentIs::default()
            },
        )
        .await?;
    scene.given(seller, 3).await?;
    let chat = scene
        .chat_with(&format!(", department_id = '{sales}'"))
        .await?;
    assert_eq!(
        scene.holder(&chat).await?,
        Some(seller.id),
        "busier, but of the department"
    );
    Ok(())
}

#[tokio::test]
async fn who_is_of_no_department_gets_what_waits_for_none_and_stands_in_where_anybody_may()
-> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let (sales, support) = (
        scene.site.department("Sales", 5).await?,
        scene.site.department("Support", 5).await?,
    );
    let free = scene.online("Free", 5).await?;
    let of_sales = scene
        .chat_with(&format!(", department_id = '{sales}'"))
        .await?;
    assert_eq!(scene.holder(&of_sales).await?, None, "sales is somebody's");
    let of_nobody = scene.chat().await?;
    assert_eq!(scene.holder(&of_nobody).await?, Some(free.id));
    let by =
        |whom: &str| format!("'{sales}', fallback_seconds => 0, fallback_department => {whom}");
    let by_support = by(&format!("'{support}'"));
    scene.save_routing(adam, &by_support).await?;
    assert_eq!(scene.holder(&of_sales).await?, None, "support stands in");
    scene.save_routing(adam, &by("null")).await?;
    assert_eq!(
        scene.holder(&of_sales).await?,
        Some(free.id),
        "anybody stands in"
    );
    Ok(())
}

#[tokio::test]
async fn a_department_caps_each_of_its_agents_and_never_their_sum() -> Result<()> {
    let scene = Scene::open().await?;
    let sales = scene.site.department("Sales", 1).await?;
    let member = AgentIs {
        department: Some(sales),
        ..AgentIs::default()
    };
    scene.site.agent("Ada", member).await?;
    scene.site.agent("Ben", member).await?;
    let of_sales = format!(", department_id = '{sales}'");
    let mut taken = Vec::new();
    for _ in 0..3 {
        let chat = scene.chat_with(&of_sales).await?;
        taken.push(scene.holder(&chat).await?.is_some());
    }
    assert_eq!(taken, [true, true, false], "one each");
    let anybodys = scene.chat().await?;
    assert!(
        scene.holder(&anybodys).await?.is_some(),
        "both have room for other chats"
    );
    Ok(())
}

#[tokio::test]
async fn a_department_without_automatic_assignment_waits_to_be_claimed() -> Result<()> {
    let scene = Scene::open().await?;
    let vip = scene.site.department("VIP", 5).await?;
    scene
        .as_owner("update mod_chat_departments set auto_assign = false")
        .await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                department: Some(vip),
                ..AgentIs::default()
            },
        )
        .await?;
    let chat = scene
        .chat_with(&format!(", department_id = '{vip}'"))
        .await?;
    assert_eq!(scene.tick().await?["routed"], 0);
    assert_eq!(scene.holder(&chat).await?, None);
    scene
        .patch(ada, &chat, &format!("assigned_agent_id = '{}'", ada.id))
        .await?;
    assert_eq!(scene.again(&chat).await?["status"], "active");
    Ok(())
}

#[tokio::test]
async fn fifty_conversations_for_three_agents_of_five_are_fifteen_and_thirty_five() -> Result<()> {
    let scene = Scene::open().await?;
    for name in ["Ada", "Ben", "Cleo"] {
        scene.site.agent(name, AgentIs::default()).await?;
    }
    let visitor = scene.site.visitor("Everybody").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_conversations (site_id, visitor_id) select '{}', '{visitor}' from generate_series(1, 50)",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        scene
            .count("mod_chat_conversations where status = 'active'")
            .await?,
        15
    );
    assert_eq!(
        scene
            .count("mod_chat_conversations where status = 'pending'")
            .await?,
        35
    );
    assert_eq!(
        scene
            .count("mod_chat_agents where current_chat_count = 5")
            .await?,
        3
    );
    assert_counters_equal_recount(&scene.db).await
}

/// What a new user sees first: `cargo x demo` plays on these rows.
#[tokio::test]
async fn the_agents_of_the_seed_get_what_comes() -> Result<()> {
    let db = pg_chat_tests::TestDb::new().await?;
    sqlx::raw_sql(include_str!("../../../supabase/seed.sql"))
        .execute(db.owner())
        .await?;
    let came: uuid::Uuid = sqlx::query_scalar(
        "insert into mod_chat_conversations (site_id, visitor_id)
        select site_id, id from mod_chat_visitors limit 1 returning id",
    )
    .fetch_one(db.owner())
    .await?;
    let theirs: bool = sqlx::query_scalar(
        "select assigned_agent_id is not null from mod_chat_conversations where id = $1",
    )
    .bind(came)
    .fetch_one(db.owner())
    .await?;
    assert!(theirs, "nobody got it");
    Ok(())
}
