//! When each app's webhooks last came, and when one was not believed: gathered here, told every few seconds, and never
//! within a delivery.

use crate::{
    db::{Db, HeardOf},
    shutdown::Stop,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tracing::warn;
use uuid::Uuid;

/// How often the database is told, when there is something to tell.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// What was heard since the database was told last.
#[derive(Debug, Default)]
pub struct Heard(Mutex<BTreeMap<Uuid, HeardOf>>);

impl Heard {
    /// A delivery of the app was believed.
    pub fn webhook(&self, app: Uuid) {
        self.note(app, |heard| {
            heard.webhook_at = Some(Timestamp::now().to_string());
        });
    }

    /// One was not that came to the app's own address, or to the address of all.
    pub fn refused(&self, app: Uuid, why: &'static str) {
        self.note(app, |heard| {
            heard.refused_at = Some(Timestamp::now().to_string());
            heard.why = Some(why);
            heard.refused += 1;
        });
    }

    fn note(&self, app: Uuid, change: impl FnOnce(&mut HeardOf)) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(heard.entry(app).or_insert_with(|| HeardOf {
            app,
            ..HeardOf::default()
        }));
    }

    fn take(&self) -> Vec<HeardOf> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard).into_values().collect()
    }

    /// Tells the database until the stop, and once more then. What it cannot be told is not kept: the next will do.
    pub async fn tell(&self, db: &Db, stop: Stop) {
        loop {
            let stops = tokio::select! {
                () = tokio::time::sleep(TELL_EVERY) => false,
                () = stop.requested() => true,
            };
            let heard = self.take();
            if !heard.is_empty()
                && let Err(error) = db.note_webhooks(&heard).await
            {
                warn!(%error, "the database could not be told when webhooks came");
            }
            if stops {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_deliveries_are_one_thing_to_tell() {
        let (heard, app) = (Heard::default(), Uuid::new_v4());
        heard.webhook(app);
        heard.webhook(app);
        heard.refused(app, "missing");
        heard.refused(app, "mismatch");
        let told = heard.take();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].refused, told[0].why), (2, Some("mismatch")));
        assert!(told[0].webhook_at.is_some() && heard.take().is_empty());
    }
}
