//! WhatsApp as people of a site use it: templates, first messages, numbers and their apps. What another site has, or a
//! colleague, or somebody who is blocked, is out of reach.

use anyhow::{Result, bail, ensure};
use pg_chat_tests::webhook::{self, text};
use pg_chat_tests::{Agent, Number};
use serde_json::{Value, json};

use super::limits::limit_supervisors;
use super::numbers::{connect, register};
use super::secrets::{SEALED, WORKER_KEY};
use super::{allowed, refused};
use crate::world::{House, World};

super::held_off!(
    templates_of_another_site,
    fetching_templates_of_another_site,
    numbers_of_another_site,
    costs_of_another_site,
    a_template_of_the_account_that_has_the_number,
    an_answer_that_was_another_sites,
    the_welcome_of_another_site,
    writing_first_to_somebody_blocked,
    writing_first_to_whom_a_colleague_has,
    an_app_without_its_secret,
    the_app_of_another_sites_account,
    the_secret_of_another_sites_app,
    an_app_of_a_site_whose_numbers_one_does_not_manage,
    the_verify_token_of_an_app_one_does_not_manage,
    importing_a_number_of_another_site,
    an_import_that_holds_what_another_site_has,
    connecting_a_number_without_the_right,
);

const PHONE: &str = "15550001";

/// A connected number of a site with an approved template "hello".
async fn with_template(world: &World, house: &House, app: &str, number: &str) -> Result<Number> {
    let number = connect(world, house, app, number).await?;
    world
        .as_owner(&format!(
            "insert into chat.whatsapp_templates (site_id, account_id, name, language, category, status, components)
            values ('{}', '{}', 'hello', 'en', 'UTILITY', 'APPROVED', '[{{\"type\": \"BODY\", \"text\": \"Hello\"}}]')",
            house.site.id, number.account
        ))
        .await?;
    Ok(number)
}

/// An agent of a site begins with the template, and what else they say.
fn start(house: &House, rest: &str) -> String {
    format!(
        "select * from chat_start_whatsapp('{}', '+{PHONE}'{rest})",
        house.site.id
    )
}

pub async fn templates_of_another_site(world: &World) -> Result<()> {
    with_template(world, &world.b, "second", "888").await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let call = format!("select chat_templates('{}')", world.a.site.id);
    let rows = allowed(agent.rows(&call).await)?;
    ensure!(rows.is_empty(), "site A is shown {rows:?}");
    Ok(())
}

pub async fn fetching_templates_of_another_site(world: &World) -> Result<()> {
    let mut asked = Vec::new();
    for (house, app, number) in [(&world.b, "second", "888"), (&world.a, "first", "777")] {
        connect(world, house, app, number).await?;
        let mut admin = world.db.as_user(house.admin.user).await?;
        let call = format!(
            "select chat_sync_whatsapp_templates('{}') as s",
            house.site.id
        );
        asked = allowed(admin.rows(&call).await)?;
    }
    let answer = &asked[0]["s"];
    ensure!(
        answer["asked"] == 1
            && answer["accounts"]
                .as_array()
                .is_some_and(|known| known.len() == 1),
        "site A has more fetched than its own: {answer}"
    );
    Ok(())
}

pub async fn numbers_of_another_site(world: &World) -> Result<()> {
    connect(world, &world.b, "second", "888").await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let call = format!("select chat_whatsapp_numbers('{}') as n", world.a.site.id);
    let rows = allowed(admin.rows(&call).await)?;
    ensure!(rows[0]["n"] == json!([]), "site A is shown {rows:?}");
    Ok(())
}

pub async fn costs_of_another_site(world: &World) -> Result<()> {
    let theirs = connect(world, &world.b, "second", "888").await?;
    webhook::receive(&world.db, &theirs, &[text(PHONE, "wamid.1", "Hi")]).await?;
    world
        .as_owner(
            "insert into mod_chat_messages (conversation_id, sender_type, content, whatsapp_message_id)
            select id, 'ai', 'Hello', 'wamid.2' from mod_chat_conversations where channel = 'whatsapp'",
        )
        .await?;
    let mut priced = webhook::status(PHONE, "wamid.2", "sent", "");
    priced["pricing"] = json!({"billable": true, "category": "service"});
    let body = webhook::body_of_statuses(&theirs, &[priced]);
    webhook::take(&world.db, &theirs, &body).await?;
    let costs = async |house: &House| -> Result<String> {
        let mut admin = world.db.as_user(house.admin.user).await?;
        let call = format!(
            "select chat_whatsapp_costs('{}', now() - interval '1 day', now() + interval '1 day') as costs",
            house.site.id
        );
        Ok(allowed(admin.rows(&call).await)?[0]["costs"].to_string())
    };
    let (own, foreign) = (costs(&world.b).await?, costs(&world.a).await?);
    ensure!(own.contains("service"), "site B does not see {own}");
    ensure!(foreign == "[]", "site A sees {foreign}");
    Ok(())
}

/// Site A claims a number that Graph confirmed for site B, and sends B's template by it.
pub async fn a_template_of_the_account_that_has_the_number(world: &World) -> Result<()> {
    register(world, &world.a, "first", "888").await?;
    with_template(world, &world.b, "second", "888").await?;
    world
        .as_owner(&format!(
            "update mod_chat_conversations set channel = 'whatsapp', phone_number_id = '888' where id = '{}'",
            world.a.conversation
        ))
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let send = format!(
        "select chat_send_template('{}', 'hello')",
        world.a.conversation
    );
    refused(agent.execute(&send).await, "PT404 chat/no_such_number")
}

/// The id of another site's message answers with no conversation of theirs.
pub async fn an_answer_that_was_another_sites(world: &World) -> Result<()> {
    with_template(world, &world.a, "first", "777").await?;
    with_template(world, &world.b, "second", "888").await?;
    let mut theirs = world.db.as_user(world.b.agent.user).await?;
    allowed(theirs.rows(&start(&world.b, ", template => 'hello'")).await)?;
    let id = world
        .look("select id from mod_chat_messages where kind = 'template'")
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let again = start(&world.a, &format!(", template => 'hello', id => '{id}'"));
    refused(agent.rows(&again).await, "PT409 chat/id_in_use")
}

pub async fn the_welcome_of_another_site(world: &World) -> Result<()> {
    with_template(world, &world.a, "first", "777").await?;
    world
        .as_owner(&format!(
            "update mod_chat_widget_settings set whatsapp_welcome_template = case site_id when '{}' then 'hello' end",
            world.b.site.id
        ))
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    refused(
        agent.rows(&start(&world.a, "")).await,
        "PT422 chat/template_unknown",
    )
}

pub async fn writing_first_to_somebody_blocked(world: &World) -> Result<()> {
    let ours = with_template(world, &world.a, "first", "777").await?;
    webhook::receive(&world.db, &ours, &[text(PHONE, "wamid.1", "Hi")]).await?;
    world
        .as_owner(
            "insert into chat.blocks (site_id, visitor_id) select site_id, visitor_id from chat.identities i
            where exists (select from chat.identity_aliases a where a.identity_id = i.id and a.kind = 'phone')",
        )
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    refused(
        agent.rows(&start(&world.a, ", template => 'hello'")).await,
        "PT403 chat/blocked",
    )
}

pub async fn writing_first_to_whom_a_colleague_has(world: &World) -> Result<()> {
    with_template(world, &world.a, "first", "777").await?;
    let hello = start(&world.a, ", template => 'hello'");
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    allowed(agent.rows(&hello).await)?;
    limit_supervisors(world).await?;
    let id = world
        .look("select id from mod_chat_messages where kind = 'template'")
        .await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    // Neither anew nor as if it were a repetition.
    for rest in [String::new(), format!(", id => '{id}'")] {
        let call = start(&world.a, &format!(", template => 'hello'{rest}"));
        refused(supervisor.rows(&call).await, "PT403 chat/not_allowed")?;
    }
    Ok(())
}

/// A site's admin saves number 779 of account 79.
async fn saves(
    world: &World,
    house: &House,
    who: Agent,
    rest: &str,
) -> Result<Vec<Value>, sqlx::Error> {
    let mut person = world
        .db
        .as_user(who.user)
        .await
        .expect("people can sign in");
    let call = format!(
        "select chat_save_whatsapp_number('{}', '779', '79', access_token => {SEALED}{rest}) as saved",
        house.site.id
    );
    person.rows(&call).await
}

/// The worker's key, and account 79 of a site with an app of site A.
async fn shared_app(world: &World, house: &House, secret: &str) -> Result<()> {
    world
        .as_owner(&format!(
            "{WORKER_KEY};
            with app as (
                insert into chat.whatsapp_apps (name, meta_app_id, site_id, sealed_secret, verify_token_hash)
                values ('shared', '2002', '{}', {secret}, '\\x01') returning id)
            insert into chat.whatsapp_accounts (site_id, app_id, waba_id) select '{}', id, '79' from app",
            world.a.site.id, house.site.id
        ))
        .await
}

/// Webhooks of an app whose secret nobody gave cannot be believed.
pub async fn an_app_without_its_secret(world: &World) -> Result<()> {
    shared_app(world, &world.a, "null").await?;
    refused(
        saves(world, &world.a, world.a.admin, "").await,
        "PT422 chat/app_secret_missing",
    )?;
    let given = format!(", app_secret => {SEALED}");
    allowed(saves(world, &world.a, world.a.admin, &given).await)?;
    let apps = world
        .look("select count(*) from chat.whatsapp_apps")
        .await?;
    ensure!(apps == "1", "the account's app became {apps}");
    Ok(())
}

/// Two sites name one account of Meta; that gives neither the other's app.
pub async fn the_app_of_another_sites_account(world: &World) -> Result<()> {
    shared_app(world, &world.a, "'\\x02'").await?;
    refused(
        saves(world, &world.b, world.b.admin, "").await,
        "PT422 chat/app_secret_missing",
    )
}

pub async fn the_secret_of_another_sites_app(world: &World) -> Result<()> {
    shared_app(world, &world.b, "'\\x02'").await?;
    let given = format!(", app_secret => {SEALED}");
    refused(
        saves(world, &world.b, world.b.admin, &given).await,
        "PT403 chat/not_allowed",
    )
}

/// Who manages numbers at site B is an agent at site A, whose app it is.
async fn an_agent_of_the_apps_site(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role) values ('{}', '{}', 'Eve', 'agent')",
            world.a.site.id, world.b.admin.user
        ))
        .await
}

pub async fn an_app_of_a_site_whose_numbers_one_does_not_manage(world: &World) -> Result<()> {
    shared_app(world, &world.a, "'\\x02'").await?;
    an_agent_of_the_apps_site(world).await?;
    refused(
        saves(world, &world.b, world.b.admin, ", meta_app_id => '2002'").await,
        "PT422 chat/app_secret_missing",
    )
}

pub async fn the_verify_token_of_an_app_one_does_not_manage(world: &World) -> Result<()> {
    shared_app(world, &world.b, "'\\x02'").await?;
    an_agent_of_the_apps_site(world).await?;
    let renew = ", renew_verify_token => true";
    let saved = allowed(saves(world, &world.b, world.b.admin, renew).await)?;
    ensure!(
        saved[0]["saved"]["verify_token"].is_null(),
        "a token was made: {saved:?}"
    );
    Ok(())
}

pub async fn importing_a_number_of_another_site(world: &World) -> Result<()> {
    connect(world, &world.b, "second", "888").await?;
    world
        .as_owner(&format!(
            "insert into public.waba_accounts (waba_id, user_id) values ('79', '{}');
            insert into public.phone_numbers (waba_id, phone_number_id) values ('79', '888')",
            world.a.admin.user
        ))
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let call = format!("select chat_import_waba('{}') as said", world.a.site.id);
    let answered = admin.rows(&call).await;
    let Ok(rows) = answered else {
        bail!("the import ended at a number that is another site's: {answered:?}");
    };
    let said = &rows[0]["said"];
    ensure!(
        said["numbers"] == 0 && said["skipped"][0]["phone_number_id"] == "888",
        "the import answered {said}"
    );
    Ok(())
}

pub async fn an_import_that_holds_what_another_site_has(world: &World) -> Result<()> {
    connect(world, &world.b, "second", "888").await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let mut request = admin.begin().await?;
    sqlx::query("select chat_import_waba($1)")
        .bind(world.a.site.id)
        .execute(&mut *request)
        .await?;
    let free =
        "select from chat.whatsapp_numbers n join chat.whatsapp_accounts a on a.id = n.account_id
        where n.phone_number_id = '888' for update skip locked";
    let free = world.db.rows(free).await?.len();
    request.rollback().await?;
    ensure!(free == 1, "the number or its account is held");
    Ok(())
}

pub async fn connecting_a_number_without_the_right(world: &World) -> Result<()> {
    shared_app(world, &world.a, "'\\x02'").await?;
    refused(
        saves(world, &world.a, world.a.agent, "").await,
        "PT403 chat/not_allowed",
    )
}
