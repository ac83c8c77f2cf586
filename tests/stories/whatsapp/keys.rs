//! The worker's key changes hands: what it is sealed for, and how what was sealed moves on.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pg_chat_tests::Refusal;
use serde_json::{Value, json};

use super::connecting::{KEY, with_admin};
use crate::scene::Scene;

#[tokio::test]
async fn a_key_stays_the_one_to_seal_for_while_something_is_sealed_for_it() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let first = scene.publish_key(KEY).await?;
    let other = STANDARD.encode([8; 32]);
    let second = scene.publish_key(&other).await?;
    let current = async || -> Result<Value> {
        Ok(scene.ask(eve, "chat_worker_key()").await?["key_id"].clone())
    };
    assert_eq!(
        current().await?,
        json!(second),
        "nothing was sealed for the first"
    );
    scene.publish_key(KEY).await?;
    scene.connect(eve).await?;
    scene.publish_key(&other).await?;
    assert_eq!(current().await?, json!(first));
    sqlx::query("select public.chat_publish_worker_key($1, null, true)")
        .bind(&other)
        .execute(scene.db.as_worker())
        .await?;
    assert_eq!(current().await?, json!(second), "a rotation takes over");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_saved_during_a_rotation_stays() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let second = scene.publish_key(&STANDARD.encode([8; 32])).await?;
    let due: Value = sqlx::query_scalar("select public.chat_secrets_to_reseal($1)")
        .bind(&second)
        .fetch_one(scene.db.as_worker())
        .await?;
    let mut batch = due.as_array().unwrap().clone();
    assert_eq!(batch.len(), 2);
    for secret in &mut batch {
        secret["resealed"] = json!(Scene::sealed(&second));
    }
    scene.connect(eve).await?;
    let store = async |batch: &[Value]| -> Result<i32> {
        Ok(sqlx::query_scalar("select public.chat_store_resealed($1)")
            .bind(json!(batch))
            .fetch_one(scene.db.as_worker())
            .await?)
    };
    assert_eq!(store(&batch).await?, 0, "both were saved anew meanwhile");
    let due: Value = sqlx::query_scalar("select public.chat_secrets_to_reseal($1)")
        .bind(&second)
        .fetch_one(scene.db.as_worker())
        .await?;
    let mut batch = due.as_array().unwrap().clone();
    batch[0]["resealed"] = json!(Scene::sealed(&second));
    batch.truncate(1);
    assert_eq!(store(&batch).await?, 1);
    let after = format!(
        "{}:{}",
        batch[0]["what"].as_str().unwrap(),
        batch[0]["id"].as_str().unwrap()
    );
    let rest: Value = sqlx::query_scalar("select public.chat_secrets_to_reseal($1, $2)")
        .bind(&second)
        .bind(&after)
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(rest.as_array().unwrap().len(), 1, "it goes on where it was");
    assert_eq!(rest[0]["id"], saved["app"]);
    let plain = json!([{"what": "app", "id": saved["app"], "sealed": rest[0]["sealed"], "resealed": "open"}]);
    let refused = sqlx::query_scalar::<_, i32>("select public.chat_store_resealed($1)")
        .bind(plain)
        .fetch_one(scene.db.as_worker())
        .await;
    assert_eq!(
        Refusal::expect(refused).detail.as_deref(),
        Some("chat/not_sealed")
    );
    Ok(())
}
