//! The address book of a number's phone: names for people who have none.

use anyhow::Result;
use pg_chat_tests::webhook::body_of;
use serde_json::{Value, json};

use super::phone_app::{echo, seconds_ago};
use crate::scene::{Scene, ZOE};

impl Scene {
    /// What the number's phone says about its address book.
    async fn hear_contact(&self, action: &str, name: Option<&str>, ago: i64) -> Result<Value> {
        let entry = json!({"type": "contact", "action": action, "metadata": {"timestamp": seconds_ago(ago)},
            "contact": {"full_name": name, "phone_number": format!("+{ZOE}")}});
        let value = json!({"state_sync": [entry]});
        self.take(&body_of(&self.number, "smb_app_state_sync", value))
            .await
    }

    pub async fn name_of_zoe(&self) -> Result<Value> {
        Ok(self.row("select name from mod_chat_visitors").await?["name"].clone())
    }
}

#[tokio::test]
async fn names_of_the_phone_fill_what_has_none() -> Result<()> {
    let scene = Scene::open().await?;
    // Before anybody wrote: it waits for them.
    assert_eq!(
        scene.hear_contact("add", Some("Zoe from work"), 60).await?["stored"],
        1
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 0);
    let value = json!({"message_echoes": [echo("wamid.e1", "Ready")]});
    scene
        .take(&body_of(&scene.number, "smb_message_echoes", value))
        .await?;
    assert_eq!(scene.name_of_zoe().await?, "Zoe from work");
    // What stands there stays.
    scene.hear_contact("add", Some("Zoe Z."), 50).await?;
    assert_eq!(scene.name_of_zoe().await?, "Zoe from work");
    scene
        .as_owner("update mod_chat_visitors set name = null")
        .await?;
    assert_eq!(
        scene.hear_contact("add", Some("older"), 55).await?["duplicate"],
        1
    );
    assert_eq!(scene.name_of_zoe().await?, json!(null));
    scene.hear_contact("add", Some("Zoe Zebra"), 40).await?;
    assert_eq!(scene.name_of_zoe().await?, "Zoe Zebra");
    // Who was taken out keeps the name here; the older telling does not come back.
    scene.hear_contact("remove", None, 30).await?;
    scene.hear_contact("add", Some("older"), 35).await?;
    assert_eq!(scene.name_of_zoe().await?, "Zoe Zebra");
    let kept = scene.row("select name from chat.phone_contacts").await?;
    assert_eq!(kept["name"], json!(null));
    Ok(())
}

#[tokio::test]
async fn whoever_has_no_name_gets_their_own_when_they_write() -> Result<()> {
    let scene = Scene::open().await?;
    let value = json!({"message_echoes": [echo("wamid.e1", "Ready")]});
    scene
        .take(&body_of(&scene.number, "smb_message_echoes", value))
        .await?;
    assert_eq!(scene.name_of_zoe().await?, json!(null));
    scene.hear_text(ZOE, "wamid.z", "Great").await?;
    assert_eq!(scene.name_of_zoe().await?, format!("Phone {ZOE}"));
    // By the short way, too.
    scene
        .as_owner("update mod_chat_visitors set name = null")
        .await?;
    scene.hear_text(ZOE, "wamid.z2", "Thanks").await?;
    assert_eq!(scene.name_of_zoe().await?, format!("Phone {ZOE}"));
    Ok(())
}
