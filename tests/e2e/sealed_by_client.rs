//! The worker opens what the web client seals.

use anyhow::Result;
use chat_worker::sealed::{KeyRing, OpeningKey, SealError};
use pg_chat_tests::{node, said};

/// Seals what the environment names, as a dashboard does.
const PAGE: &str = "import { seal } from '@pg-chat/client/seal'
console.log(seal(process.env.PUBLIC_KEY, process.env.SECRET))";

/// The envelope.
async fn seal(key: &OpeningKey, secret: &str) -> Result<String> {
    let envelope = said(
        node("web/client")?
            .args(["--input-type=module", "--eval", PAGE])
            .env("PUBLIC_KEY", key.public().to_base64())
            .env("SECRET", secret),
    )
    .await?;
    Ok(envelope.trim().to_owned())
}

#[tokio::test]
async fn the_worker_opens_what_the_web_client_seals() -> Result<()> {
    let key = OpeningKey::generate();
    let keys = KeyRing::new([key.clone()]);
    for secret in [
        "x",
        "EAAG0123456789-a token of the usual length, with spaces and ö, ü, 🙂",
        &"long ".repeat(1000),
    ] {
        let envelope = seal(&key, secret).await?;
        assert_eq!(keys.open(&envelope)?.expose(), secret);
        let again = seal(&key, secret).await?;
        assert_ne!(again, envelope, "each box has a key of its own");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_else_opens_what_the_web_client_seals() -> Result<()> {
    let envelope = seal(&OpeningKey::generate(), "for one worker").await?;
    let other = KeyRing::new([OpeningKey::generate()]);
    assert!(matches!(
        other.open(&envelope),
        Err(SealError::OtherKey { .. })
    ));
    Ok(())
}
