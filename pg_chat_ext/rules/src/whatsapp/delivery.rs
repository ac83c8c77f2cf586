//! How far a message got. Statuses come late, twice and in any order; the state only moves forward.

words! {
    /// How far a message got. Declared in rank order: of two facts the later one stands.
    ///
    /// `failed` ranks below `delivered`: a message that reached a phone was not lost, whatever a
    /// second report says. It ranks above `sent`, since a late `sent` does not heal a failure.
    pub enum DeliveryState {
        /// Planned for a time to come.
        Scheduled = "scheduled",
        /// Waits for the worker.
        Queued = "queued",
        /// The worker is at it.
        Sending = "sending",
        /// It may have been sent; nobody knows yet.
        Unknown = "unknown",
        /// WhatsApp took it and named it.
        Accepted = "accepted",
        /// It left WhatsApp.
        Sent = "sent",
        /// Called back before it left.
        Cancelled = "cancelled",
        /// It did not get there.
        Failed = "failed",
        /// It is on the phone.
        Delivered = "delivered",
        /// It was looked at.
        Read = "read",
        /// The voice note was listened to.
        Played = "played",
        /// It came from the visitor: no way lies ahead of it.
        Received = "received",
    }
}

words! {
    /// LC-01's `status` of a message.
    pub enum ShownStatus {
        /// On its way to WhatsApp.
        Sending = "sending",
        /// One tick.
        Sent = "sent",
        /// Two ticks.
        Delivered = "delivered",
        /// Two blue ticks.
        Read = "read",
        /// Not delivered.
        Failed = "failed",
    }
}

/// The state after a report, for facts that may come in any order: the higher rank stands, so the
/// end is the same for every order and repetition.
///
/// A word that is no state (Meta's `deleted`, `warning`, whatever comes next) changes nothing; so
/// does `received` on either side. The queue's own steps back, a retry from `sending` to `queued`,
/// are its to write and are not asked here.
pub fn delivery_next<'a>(current: Option<&'a str>, incoming: Option<&'a str>) -> Option<&'a str> {
    let rank = |word: Option<&str>| word.and_then(DeliveryState::of_word);
    match (rank(current), rank(incoming)) {
        (_, None) => current,
        (None, Some(_)) if current.is_some() => current,
        (None, Some(_)) => incoming,
        (Some(DeliveryState::Received), _) | (_, Some(DeliveryState::Received)) => current,
        (Some(now), Some(next)) => {
            if next > now {
                incoming
            } else {
                current
            }
        }
    }
}

/// LC-01's word for a state. A state we do not know claims nothing: `sending`.
pub fn shown_status(delivery_state: &str) -> ShownStatus {
    use DeliveryState as State;
    match State::of_word(delivery_state) {
        Some(State::Accepted | State::Sent) => ShownStatus::Sent,
        Some(State::Delivered | State::Received) => ShownStatus::Delivered,
        Some(State::Read | State::Played) => ShownStatus::Read,
        Some(State::Failed | State::Cancelled) => ShownStatus::Failed,
        Some(State::Scheduled | State::Queued | State::Sending | State::Unknown) | None => {
            ShownStatus::Sending
        }
    }
}
