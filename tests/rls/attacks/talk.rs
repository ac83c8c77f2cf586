//! What is said, planned and kept ready: by a neighbour, and by a colleague who lacks the right.

use anyhow::{Context, Result, ensure};

use super::refused;
use crate::world::World;

super::held_off!(
    a_hand_on_a_foreign_chat,
    a_hand_on_a_foreign_message,
    a_colleagues_words_taken_back,
    using_a_colleagues_private_answer,
    using_a_foreign_answer,
    calling_off_a_foreign_plan,
    many_chats_at_once_without_the_right,
    holding_foreign_people,
    naming_a_foreign_agent,
    a_visitor_in_the_chat_of_another,
    a_visitor_in_the_place_of_another,
    a_visitor_at_a_message_of_another,
    a_visitor_at_a_note,
);

pub async fn a_hand_on_a_foreign_chat(world: &World) -> Result<()> {
    let mut neighbour = world.db.as_user(world.b.agent.user).await?;
    let chat = world.a.conversation;
    for call in [
        format!("chat_read('{chat}')"),
        format!("chat_snooze('{chat}', now() + '1 hour')"),
        format!("chat_schedule_message('{chat}', 'Hello', now() + '1 hour')"),
        format!("chat_use_canned(gen_random_uuid(), '{chat}')"),
        format!("chat_scheduled('{chat}')"),
    ] {
        refused(
            neighbour.execute(&format!("select {call}")).await,
            "PT404 chat/no_such_conversation",
        )
        .context(call)?;
    }
    Ok(())
}

pub async fn a_hand_on_a_foreign_message(world: &World) -> Result<()> {
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    let message = world.a.message;
    for call in [
        format!("chat_edit_message('{message}', 'Mine now')"),
        format!("chat_delete_message('{message}')"),
        format!("chat_react('{message}', '👍')"),
        format!("chat_message_history('{message}')"),
    ] {
        refused(
            neighbour.execute(&format!("select {call}")).await,
            "PT404 chat/no_such_message",
        )
        .context(call)?;
    }
    Ok(())
}

/// An agent takes back their own words; those of others need the right to assign.
pub async fn a_colleagues_words_taken_back(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let delete = format!("select chat_delete_message('{}')", world.a.message);
    refused(agent.execute(&delete).await, "PT403 chat/not_your_message")
}

pub async fn using_a_foreign_answer(world: &World) -> Result<()> {
    let foreign = world
        .look(&format!(
            "select id from mod_chat_canned_responses where site_id = '{}'",
            world.b.site.id
        ))
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let using = format!(
        "select chat_use_canned('{foreign}', '{}')",
        world.a.conversation
    );
    refused(agent.execute(&using).await, "PT404 chat/no_such_canned")
}

pub async fn using_a_colleagues_private_answer(world: &World) -> Result<()> {
    let a = &world.a;
    let mut admin = world.db.as_user(a.admin.user).await?;
    let mine = admin
        .rows(&format!(
            "insert into mod_chat_canned_responses (site_id, title, content, is_shared)
            values ('{}', 'Mine', 'Between us', false) returning id",
            a.site.id
        ))
        .await?;
    let mine = mine[0]["id"].as_str().context("an id")?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let find = format!("select * from chat_find_canned('{}', 'Mine')", a.site.id);
    ensure!(agent.rows(&find).await?.is_empty(), "it was found");
    let using = format!("select chat_use_canned('{mine}', '{}')", a.conversation);
    refused(agent.execute(&using).await, "PT404 chat/no_such_canned")
}

pub async fn calling_off_a_foreign_plan(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let plan = format!(
        "select chat_schedule_message('{}', 'Hello', now() + '1 hour') ->> 'id' as id",
        a.conversation
    );
    let plan = agent.rows(&plan).await?;
    let plan = plan[0]["id"].as_str().context("an id")?;
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    refused(
        neighbour
            .execute(&format!("select chat_cancel_scheduled('{plan}')"))
            .await,
        "PT404 chat/no_such_message",
    )
}

pub async fn many_chats_at_once_without_the_right(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let bulk = format!(
        "select chat_bulk('{{{}}}', '{{\"priority\": \"urgent\"}}') as answer",
        a.conversation
    );
    let answer = agent.rows(&bulk).await?;
    ensure!(
        answer[0]["answer"]["refused"][0]["detail"] == "chat/not_allowed",
        "{answer:?}"
    );
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    let answer = neighbour.rows(&bulk).await?;
    ensure!(
        answer[0]["answer"]["absent"][0] == a.conversation.to_string(),
        "{answer:?}"
    );
    Ok(())
}

pub async fn holding_foreign_people(world: &World) -> Result<()> {
    let chat = world.a.conversation;
    world
        .as_owner(&format!(
            "with person as (insert into chat.identities (site_id, visitor_id) values ('{}', '{}') returning id)
            update mod_chat_conversations c set identity_id = p.id from person p where c.id = '{chat}'",
            world.a.site.id, world.a.visitor
        ))
        .await?;
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    let mut request = neighbour.begin().await?;
    sqlx::query("select chat.lock_people_of(array[$1])")
        .bind(chat)
        .execute(&mut *request)
        .await?;
    let free = format!(
        "select from chat.identities i join mod_chat_conversations c on c.identity_id = i.id where c.id = '{chat}'
        for update of i skip locked"
    );
    let free = world.db.rows(&free).await?.len();
    request.rollback().await?;
    ensure!(free == 1, "the person is held");
    Ok(())
}

pub async fn naming_a_foreign_agent(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind, mentions)
        values ('{}', 'Look', 'note', '{{{}}}')",
        world.a.conversation, world.b.agent.id
    );
    refused(agent.execute(&note).await, "PT422 chat/no_such_agent")
}

pub async fn a_visitor_in_the_chat_of_another(world: &World) -> Result<()> {
    let session = world.a.site.session(&world.db).await?;
    let mut visitor = world.db.as_visitor(&session).await?;
    let chat = world.a.conversation;
    for call in [
        format!("chat_read('{chat}')"),
        format!("chat_end('{chat}')"),
        format!("chat_rate('{chat}', 1)"),
    ] {
        refused(
            visitor.execute(&format!("select {call}")).await,
            "PT404 chat/no_such_conversation",
        )
        .context(call)?;
    }
    Ok(())
}

pub async fn a_visitor_in_the_place_of_another(world: &World) -> Result<()> {
    let waiting = world.a.site.conversation(world.a.visitor).await?;
    let session = world.a.site.session(&world.db).await?;
    let mut visitor = world.db.as_visitor(&session).await?;
    let ask = format!("select chat_queue_position('{waiting}')");
    refused(
        visitor.execute(&ask).await,
        "PT404 chat/no_such_conversation",
    )
}

pub async fn a_visitor_at_a_message_of_another(world: &World) -> Result<()> {
    let session = world.a.site.session(&world.db).await?;
    let mut visitor = world.db.as_visitor(&session).await?;
    let edit = format!(
        "select chat_edit_message('{}', 'I never said that')",
        world.a.message
    );
    refused(visitor.execute(&edit).await, "PT404 chat/no_such_message")
}

pub async fn a_visitor_at_a_note(world: &World) -> Result<()> {
    let session = world.a.site.session(&world.db).await?;
    let conversation = world.a.site.conversation(session.visitor).await?;
    world
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, kind, content)
            values ('{conversation}', 'agent', 'note', 'Between us')"
        ))
        .await?;
    let note = world
        .look(&format!(
            "select id from mod_chat_messages where conversation_id = '{conversation}'"
        ))
        .await?;
    let mut visitor = world.db.as_visitor(&session).await?;
    let react = format!("select chat_react('{note}', '👍')");
    refused(visitor.execute(&react).await, "PT404 chat/no_such_message")
}
