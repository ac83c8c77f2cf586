//! Asking everything to stop, once.

use tokio::sync::watch;

/// Held by whoever may ask for the stop. Dropping it asks too, so no task outlives its worker.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Held by everything that has to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A connected pair.
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks; returns at once.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the stop was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when the stop is asked for.
    pub async fn requested(&self) {
        let mut asked = self.0.clone();
        // An error means that the stopper is gone, which is a request as well.
        let _gone = asked.wait_for(|asked| *asked).await;
    }
}

/// Returns when the system asks this process to end (SIGTERM or SIGINT).
pub async fn signalled() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
