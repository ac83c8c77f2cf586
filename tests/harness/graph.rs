//! The Graph simulator, in this process, for one number.

use anyhow::Result;
use local_stack::graph::{App, Config, Handle, Number as GraphNumber, Simulator, Token};

use crate::Number;

/// Meta's id of the environment's app.
pub const APP_ID: &str = "1001";
/// What its webhooks are signed with.
pub const APP_SECRET: &str = "secret-of-the-test-app";
/// What answers Meta's challenge.
pub const VERIFY_TOKEN: &str = "verify-token-of-the-test-app";
/// What opens the account.
pub const ACCESS_TOKEN: &str = "access-token-of-the-test-account";

/// Starts one on a free port, with our app, its token and one number. It posts what phones and statuses say to
/// `webhook_url`; everything else is set by its [`Handle`].
pub async fn start(number: &Number, webhook_url: String) -> Result<Handle> {
    let app = App {
        app_id: APP_ID.to_owned(),
        app_secret: APP_SECRET.into(),
        webhook_url,
    };
    let at_meta = GraphNumber::new(&number.phone_number_id, &number.waba_id, "+1 555-010-0001");
    // Tests post webhooks themselves, so it hears of phones and messages that it has not made.
    let config = Config {
        seed: Some(1),
        assume_known: true,
        ..Config::new(app, Token::new(ACCESS_TOKEN, APP_ID), at_meta)
    };
    Ok(Simulator::start(config).await?)
}
