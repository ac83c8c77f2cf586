//! What Meta tells of numbers, accounts and people, besides messages.

use anyhow::Result;
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, only};

impl Scene {
    async fn hears_of(&self, field: &str, at: i64, value: Value) -> Result<Value> {
        self.take(&json!({"object": "whatsapp_business_account", "entry": [{"id": self.number.waba_id, "time": at,
            "changes": [{"field": field, "value": value}]}]}))
            .await
    }

    async fn account(&self) -> Result<Value> {
        Ok(self
            .row("select details from chat.whatsapp_accounts")
            .await?["details"]
            .clone())
    }

    async fn told_number(&self) -> Result<Value> {
        self.row("select verified_name, details from chat.whatsapp_numbers")
            .await
    }
}

#[tokio::test]
async fn what_meta_tells_of_a_number_stands_in_its_details() -> Result<()> {
    let scene = Scene::open().await?;
    let shown = "15550100001";
    for (field, value) in [
        (
            "phone_number_quality_update",
            json!({"event": "THROUGHPUT_UPGRADE", "max_daily_conversations_per_business": "TIER_10K"}),
        ),
        (
            "phone_number_name_update",
            json!({"decision": "APPROVED", "requested_verified_name": "Jasper's"}),
        ),
        ("security", json!({"event": "PIN_CHANGED"})),
        (
            "business_username_update",
            json!({"username": "jaspers", "status": "approved"}),
        ),
    ] {
        let mut value = value;
        value["display_phone_number"] = json!(shown);
        assert_eq!(
            scene.hears_of(field, 1_000, value).await?["stored"],
            1,
            "{field}"
        );
    }
    let settings = json!({"phone_number_settings": {"phone_number_id": scene.number.phone_number_id, "calling": {"status": "ENABLED"}}});
    assert_eq!(
        scene
            .hears_of("account_settings_update", 1_000, settings)
            .await?["stored"],
        1
    );
    let number = scene.told_number().await?;
    assert_eq!(number["verified_name"], "Jasper's");
    assert_eq!(
        only(
            &number["details"],
            "throughput messaging_limit name_status security_event username settings"
        ),
        json!({"throughput": {"level": "HIGH"}, "messaging_limit": "TIER_10K", "name_status": "APPROVED",
            "security_event": "PIN_CHANGED", "username": "jaspers", "settings": {"calling": {"status": "ENABLED"}}})
    );
    // Graph's own answer later keeps what only webhooks say.
    scene
        .as_owner("select chat_confirm_number(id, '{\"quality_rating\": \"GREEN\"}') from chat.whatsapp_numbers")
        .await?;
    let details = scene.told_number().await?["details"].clone();
    assert_eq!(
        only(&details, "quality_rating username"),
        json!({"quality_rating": "GREEN", "username": "jaspers"})
    );
    Ok(())
}

#[tokio::test]
async fn a_number_that_is_not_the_accounts_is_kept_aside() -> Result<()> {
    let scene = Scene::open().await?;
    let other = json!({"display_phone_number": "4915550100", "event": "FLAGGED"});
    assert_eq!(
        scene
            .hears_of("phone_number_quality_update", 1_000, other)
            .await?["dead"],
        1
    );
    assert_eq!(
        scene.row("select reason from chat.dead_letters").await?["reason"],
        "unknown_number"
    );
    Ok(())
}

#[tokio::test]
async fn what_meta_tells_of_an_account_stands_in_its_details() -> Result<()> {
    let scene = Scene::open().await?;
    for (field, value) in [
        ("account_review_update", json!({"decision": "APPROVED"})),
        (
            "business_capability_update",
            json!({"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25}),
        ),
        (
            "account_update",
            json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "soon"}}),
        ),
        (
            "account_alerts",
            json!({"entity_type": "BUSINESS", "alert_info": {"alert_type": "X", "alert_severity": "WARNING", "alert_status": "ACTIVE"}}),
        ),
    ] {
        assert_eq!(
            scene.hears_of(field, 1_000, value.clone()).await?["stored"],
            1,
            "{field}"
        );
        assert_eq!(
            scene.hears_of(field, 1_000, value).await?["duplicate"],
            1,
            "{field}"
        );
    }
    assert_eq!(
        scene.account().await?,
        json!({"review": "APPROVED", "messaging_limit": "2000", "max_phone_numbers": 25, "event": "DISABLED_UPDATE",
            "ban_state": "SCHEDULE_FOR_DISABLE", "ban_date": "soon",
            "alert": {"type": "X", "severity": "WARNING", "status": "ACTIVE"}})
    );
    // Late and older: kept, but the newer word stands.
    scene
        .hears_of("account_review_update", 500, json!({"decision": "PENDING"}))
        .await?;
    assert_eq!(scene.account().await?["review"], "APPROVED");
    assert_eq!(scene.count("chat.whatsapp_told").await?, 5);
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.account_changed'")
            .await?,
        4
    );
    Ok(())
}

#[tokio::test]
async fn a_person_whose_id_changed_stays_one_person() -> Result<()> {
    let scene = Scene::open().await?;
    scene.visit(ZOE).await?;
    let metadata = json!({"phone_number_id": scene.number.phone_number_id});
    let changed = json!({"metadata": metadata, "user_id_update": [{"wa_id": ZOE, "user_id": {"previous": "US.1", "current": "US.2"}, "timestamp": "1749416383"}]});
    assert_eq!(
        scene.hears_of("user_id_update", 1_000, changed).await?["stored"],
        1
    );
    let aliases = scene
        .rows("select value from chat.identity_aliases order by value")
        .await?;
    assert_eq!(
        aliases,
        [
            json!({"value": ZOE}),
            json!({"value": "US.1"}),
            json!({"value": "US.2"})
        ]
    );
    let stranger = json!({"metadata": metadata, "user_id_update": [{"user_id": {"previous": "US.8", "current": "US.9"}}]});
    assert_eq!(
        scene.hears_of("user_id_update", 1_000, stranger).await?["stored"],
        1
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    Ok(())
}

#[tokio::test]
async fn admins_read_what_meta_told_and_after_90_days_it_goes() -> Result<()> {
    let (scene, eve) = super::connecting::with_admin().await?;
    for at in 1..=3 {
        let pin = json!({"event": format!("PIN_{at}"), "display_phone_number": "15550100001"});
        scene.hears_of("security", at, pin).await?;
    }
    let told = async |rest: &str| -> Result<Vec<Value>> {
        let call = format!(
            "select t as told from chat_whatsapp_told('{}'{rest}) t",
            scene.site.id
        );
        let rows = scene.as_agent(eve, &call).await?;
        Ok(rows.iter().map(|row| row["told"].clone()).collect())
    };
    let all = told("").await?;
    assert_eq!(
        all.iter()
            .map(|one| one["event"].clone())
            .collect::<Vec<_>>(),
        ["PIN_3", "PIN_2", "PIN_1"]
    );
    assert_eq!(
        only(&all[0], "field subject waba_id"),
        json!({"field": "security", "subject": scene.number.phone_number_id, "waba_id": scene.number.waba_id})
    );
    assert_eq!(told(", page_size => 2").await?, all[..2]);
    let rest = format!(", before => {}", all[1]["id"]);
    assert_eq!(told(&rest).await?, all[2..]);
    assert!(told(", field => 'flows'").await?.is_empty());

    assert_eq!(scene.tick().await?["tellings"], 0);
    scene
        .as_owner(
            "update chat.whatsapp_told set received_at = clock_timestamp() - interval '91 days'
            where event <> 'PIN_3'",
        )
        .await?;
    assert_eq!(scene.tick().await?["tellings"], 2);
    assert_eq!(told("").await?, all[..1]);
    Ok(())
}
