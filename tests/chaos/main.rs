//! Everything goes wrong at once, at the size of tests; `cargo x chaos NAME` does the same for thousands of messages.

mod live;
mod whatsapp;

use anyhow::Result;

use live::Live;
use whatsapp::Chaos;

/// About a minute.
const SHORT: Chaos = Chaos {
    seed: 1,
    out: 300,
    into: 300,
    hurried: true,
};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_nothing_is_lost_doubled_or_out_of_order() -> Result<()> {
    SHORT.run().await
}

/// Half a minute.
const FEW: Live = Live {
    seed: 1,
    clients: 4,
    messages: 200,
};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_every_client_shows_every_message_once_in_order_in_its_last_state()
-> Result<()> {
    FEW.run().await
}
