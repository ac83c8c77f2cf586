//! When a site and its departments are open, and hours that cannot be meant.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal, Site};
use serde_json::{Value, json};

use crate::scene::{Scene, only};

/// Office hours in LC-01's form, Monday to Friday.
const OFFICE: &str = r#"{"monday": {"enabled": true, "start": "09:00", "end": "17:00"},
    "tuesday": {"enabled": true, "start": "09:00", "end": "17:00"},
    "saturday": {"enabled": false, "start": "10:00", "end": "14:00"}}"#;

async fn scene() -> Result<(Scene, Agent)> {
    let scene = Scene::open().await?;
    let is = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let adam = scene.site.agent("Adam", is).await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id) values ('{}')",
            scene.site.id
        ))
        .await?;
    Ok((scene, adam))
}

impl Scene {
    /// An admin saves settings as a dashboard does.
    async fn save_settings(&self, by: Agent, set: &str) -> Result<Vec<Value>, sqlx::Error> {
        let patch = format!(
            "update mod_chat_widget_settings set {set} where site_id = '{}' returning id",
            self.site.id
        );
        self.as_agent(by, &patch).await
    }

    /// What a widget is told of the hours.
    async fn hours(&self, more: &str) -> Result<Value> {
        let ask = format!("select chat_hours('{}'{more}) as hours", self.site.id);
        Ok(self.db.as_anon().await?.rows(&ask).await?.remove(0)["hours"].take())
    }
}

#[tokio::test]
async fn a_site_without_hours_is_always_open() -> Result<()> {
    let (scene, adam) = scene().await?;
    let always = json!({"open": true, "next_change": null, "holiday": null, "always": true,
        "timezone": "Africa/Lusaka", "problems": []});
    assert_eq!(scene.hours("").await?, always);
    scene
        .save_settings(adam, &format!("business_hours = '{OFFICE}'"))
        .await?;
    assert_eq!(
        scene.hours("").await?,
        always,
        "hours that are not turned on count for nothing"
    );
    Ok(())
}

#[tokio::test]
async fn a_site_that_never_saved_settings_has_their_defaults_and_asking_makes_none() -> Result<()> {
    let scene = Scene::open().await?;
    let unsaved = scene.hours("").await?;
    assert_eq!(scene.count("mod_chat_widget_settings").await?, 0);
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id) values ('{}')",
            scene.site.id
        ))
        .await?;
    assert_eq!(scene.hours("").await?, unsaved);
    Ok(())
}

#[tokio::test]
async fn everybody_learns_whether_a_site_is_open_and_when_that_changes() -> Result<()> {
    let (scene, adam) = scene().await?;
    scene
        .save_settings(
            adam,
            &format!("business_hours_enabled = true, business_hours = '{OFFICE}', timezone = 'Pacific/Chatham'"),
        )
        .await?;
    // Monday in Chatham begins on Sunday in Greenwich, at 9:00 - 12:45.
    let at = |time: &str| format!(", at => '{time}'");
    let told = "open next_change timezone always";
    assert_eq!(
        only(&scene.hours(&at("2026-06-07T20:14:59Z")).await?, told),
        json!({"open": false, "next_change": "2026-06-07T20:15:00+00:00", "timezone": "Pacific/Chatham", "always": false})
    );
    assert_eq!(
        only(&scene.hours(&at("2026-06-07T20:15:00Z")).await?, told),
        json!({"open": true, "next_change": "2026-06-08T04:15:00+00:00", "timezone": "Pacific/Chatham", "always": false})
    );
    let config = scene
        .db
        .as_anon()
        .await?
        .rows(&format!(
            "select chat_widget_config('{}') -> 'hours' = chat_hours('{0}') as same",
            scene.site.id
        ))
        .await?;
    assert_eq!(config, [json!({"same": true})]);
    Ok(())
}

#[tokio::test]
async fn a_department_has_hours_and_a_time_zone_of_its_own_or_its_sites() -> Result<()> {
    let (scene, adam) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    scene
        .save_settings(
            adam,
            &format!(
                "business_hours_enabled = true, business_hours = '{OFFICE}', timezone = 'UTC'"
            ),
        )
        .await?;
    let at_sales = |time: &str| format!(", '{sales}', '{time}'");
    let monday = at_sales("2026-06-08T08:30:00Z");
    assert_eq!(scene.hours(&monday).await?["open"], false, "as its site");
    let set = |set: &str| {
        format!("update mod_chat_departments set {set} where id = '{sales}' returning id")
    };
    scene
        .as_agent(adam, &set("timezone = 'Europe/Berlin'"))
        .await?;
    assert_eq!(
        scene.hours(&monday).await?["open"],
        true,
        "the site's hours in Berlin, where it is 10:30"
    );
    let sunday = r#"{"week": {"sunday": [{"start": "20:00", "end": "02:00"}]},
        "holidays": [{"date": "2026-06-14", "name": "Fair"}]}"#;
    scene
        .as_agent(adam, &set(&format!("business_hours = '{sunday}'")))
        .await?;
    assert_eq!(scene.hours(&monday).await?["open"], false);
    let fair = scene.hours(&at_sales("2026-06-14T18:30:00Z")).await?;
    assert_eq!(
        only(&fair, "open holiday next_change"),
        json!({"open": false, "holiday": "Fair", "next_change": "2026-06-21T18:00:00+00:00"})
    );
    let due = scene
        .row(&format!(
            "select chat.business_due('{}', '{sales}', '2026-06-12T12:00:00Z', '5 hours') as own,
                chat.business_due('{0}', null, '2026-06-12T12:00:00Z', '1 day') as site",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        due,
        json!({"own": "2026-06-21T23:00:00+00:00", "site": "2026-06-22T17:00:00+00:00"}),
        "24 open hours are three days of eight"
    );
    Ok(())
}

#[tokio::test]
async fn hours_that_cannot_be_meant_are_refused_when_they_are_saved() -> Result<()> {
    let (scene, adam) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let refused = |set: &str, table: &str| {
        let patch = format!(
            "update {table} set {set} where site_id = '{}' returning id",
            scene.site.id
        );
        let scene = &scene;
        async move { Refusal::expect(scene.as_agent(adam, &patch).await) }
    };
    let settings = "mod_chat_widget_settings";
    let deep = format!("business_hours = '{}{}'", "[".repeat(500), "]".repeat(500));
    for (set, detail, says) in [
        (
            deep.as_str(),
            "chat/business_hours",
            "hours: too deep or too large",
        ),
        (
            "business_hours_enabled = true",
            "chat/business_hours",
            "hours: never open",
        ),
        (
            r#"business_hours = '{"monday": {"enabled": true}}'"#,
            "chat/business_hours",
            "monday: enabled without times",
        ),
        (
            r#"business_hours = '{"mon": {}, "tuesday": {"enabled": true, "start": "9", "end": "17:00"}}'"#,
            "chat/business_hours",
            "mon: unknown word; tuesday.start: not a time",
        ),
        (
            "business_hours = '[]'",
            "chat/business_hours",
            "hours: not an object",
        ),
        (
            "business_hours = 'null'",
            "chat/business_hours",
            "hours: not an object",
        ),
        (
            "timezone = 'Europe/Atlantis'",
            "chat/unknown_time_zone",
            "Europe/Atlantis",
        ),
        ("timezone = '+02'", "chat/unknown_time_zone", "+02"),
    ] {
        let refusal = refused(set, settings).await;
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some(detail)),
            "{set}"
        );
        assert!(refusal.message.contains(says), "{set}: {}", refusal.message);
    }
    for (set, detail) in [
        ("business_hours = '{}'", "chat/business_hours"),
        ("timezone = ''", "chat/unknown_time_zone"),
        (
            r#"business_hours = '{"week": {"monday": [{"start": "09:00", "end": "09:00"}]}}'"#,
            "chat/business_hours",
        ),
    ] {
        let refusal = refused(set, "mod_chat_departments").await;
        assert_eq!(refusal.detail.as_deref(), Some(detail), "{set}");
    }
    assert_eq!(
        scene
            .count(&format!(
                "mod_chat_departments where id = '{sales}' and business_hours is null"
            ))
            .await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn hours_from_before_they_were_looked_at_close_nobody_and_say_what_is_wrong() -> Result<()> {
    let (scene, _) = scene().await?;
    // As adopted from LC-01's own table.
    scene
        .as_owner("alter table mod_chat_widget_settings disable trigger _300_hours")
        .await?;
    scene
        .as_owner(
            "update mod_chat_widget_settings set business_hours_enabled = true,
                business_hours = '{\"monday\": {\"enabled\": true, \"start\": \"9 am\", \"end\": \"17:00\"}}'",
        )
        .await?;
    let told = scene.hours("").await?;
    assert_eq!(
        only(&told, "open next_change always problems"),
        json!({"open": true, "next_change": null, "always": true,
            "problems": [{"at": "monday.start", "problem": "not_a_time"}]})
    );
    scene
        .as_owner(&format!(
            "update mod_chat_widget_settings set business_hours = '{}{}'",
            "[".repeat(500),
            "]".repeat(500)
        ))
        .await?;
    let told = scene.hours("").await?;
    assert_eq!(
        only(&told, "open problems"),
        json!({"open": true, "problems": [{"at": "hours", "problem": "too_deep_or_too_large"}]})
    );
    Ok(())
}

#[tokio::test]
async fn hours_of_nobody_and_of_another_sites_department_are_not_told() -> Result<()> {
    let (scene, _) = scene().await?;
    let elsewhere = Site::make(&scene.db).await?;
    let foreign = elsewhere.department("Foreign", 5).await?;
    let mut anon = scene.db.as_anon().await?;
    for (ask, detail) in [
        (
            format!("chat_hours('{}')", uuid::Uuid::new_v4()),
            "chat/no_such_site",
        ),
        (
            format!("chat_hours('{}', '{foreign}')", scene.site.id),
            "chat/no_such_department",
        ),
    ] {
        let refusal = Refusal::expect(anon.rows(&format!("select {ask}")).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT404", Some(detail))
        );
    }
    scene
        .as_owner(&format!(
            "insert into chat.modules (site_id, enabled) values ('{}', false)",
            scene.site.id
        ))
        .await?;
    let refusal = Refusal::expect(
        anon.rows(&format!("select chat_hours('{}')", scene.site.id))
            .await,
    );
    assert_eq!(refusal.detail.as_deref(), Some("chat/module_off"));
    Ok(())
}
