//! Webhooks on their way: order, copies, repetition until somebody says 200.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::simulator::State;
use super::webhook::Update;
use super::{Deliveries, Delivery, Error, Number, Order, Posts, Record, Simulator, sign, webhook};

/// The log keeps this many deliveries.
const LOG_LENGTH: usize = 10_000;

/// A signed body for an app.
#[derive(Debug)]
pub(super) struct Post {
    n: u64,
    app_id: String,
    body: Bytes,
    tries: u32,
    /// Dropped after the first attempt, for those who wait for it.
    first_attempt: Option<FirstAttempt>,
}

/// Its receiver ends when every webhook that holds a clone was attempted once.
pub(super) type FirstAttempt = mpsc::Sender<Infallible>;

impl Simulator {
    /// Changes how webhooks leave.
    pub fn set_delivery(&self, delivery: Delivery) -> Result<(), Error> {
        if delivery.batch == 0 || delivery.concurrency == 0 {
            return Err(Error::Invalid(
                "batch and concurrency are at least 1".to_owned(),
            ));
        }
        self.lock().delivery = delivery;
        Ok(())
    }

    /// How webhooks leave.
    pub fn delivery(&self) -> Delivery {
        self.lock().delivery.clone()
    }

    /// Where webhooks stand.
    pub fn deliveries(&self) -> Deliveries {
        let state = self.lock();
        Deliveries {
            held: state.held.len(),
            open: *self.open.borrow(),
            log: state.log.values().cloned().collect(),
        }
    }

    /// How many webhooks there were.
    pub fn posts(&self) -> Posts {
        let state = self.lock();
        Posts {
            bodies: state.deliveries,
            attempts: state.attempts,
            open: *self.open.borrow(),
        }
    }

    /// Lets go of the statuses that were held back, in the order that is set: shuffled and
    /// reversed over all of them. Returns how many.
    pub fn release(&self) -> usize {
        let mut state = self.lock();
        let held = std::mem::take(&mut state.held);
        let count = held.len();
        self.leave(&mut state, held, None);
        count
    }

    /// Returns when every webhook that left was answered with 200.
    pub async fn settled(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == 0)
            .await
            .expect("the simulator owns the sender");
    }

    /// Statuses leave or are held, as the delivery says.
    pub(super) fn report_statuses(
        &self,
        state: &mut State,
        updates: Vec<Update>,
        first_attempt: Option<&FirstAttempt>,
    ) {
        if state.delivery.hold {
            state.held.extend(updates);
        } else {
            self.leave(state, updates, first_attempt);
        }
    }

    fn leave(&self, state: &mut State, mut updates: Vec<Update>, first: Option<&FirstAttempt>) {
        match state.delivery.order {
            Order::InOrder | Order::Scripted(_) => {}
            Order::Reversed => updates.reverse(),
            Order::Shuffled => updates.shuffle(&mut state.rng),
        }
        let (batch, copies) = (state.delivery.batch, state.delivery.copies);
        for updates in updates.chunks(batch) {
            self.post_updates(state, updates, copies, first);
        }
    }

    /// Posts updates to every app subscribed to their accounts, one body an account.
    pub(super) fn post_updates(
        &self,
        state: &mut State,
        updates: &[Update],
        copies: u32,
        first: Option<&FirstAttempt>,
    ) {
        let known: Vec<(Number, &Update)> = updates
            .iter()
            .filter_map(|update| {
                Some((state.number(&update.phone_number_id).ok()?.clone(), update))
            })
            .collect();
        let mut accounts: Vec<&str> = known.iter().map(|(n, _)| n.waba_id.as_str()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for waba_id in accounts {
            let of_account = || known.iter().filter(|(n, _)| n.waba_id == waba_id);
            let body = webhook::body(waba_id, of_account().map(|(n, update)| (n, *update)));
            let says: Vec<&str> = of_account()
                .map(|(_, update)| update.says.as_str())
                .collect();
            let subscribers = state
                .subscriptions
                .get(waba_id)
                .cloned()
                .unwrap_or_default();
            for app_id in subscribers {
                for _ in 0..=copies {
                    self.post(state, &app_id, sign::wire(&body), says.join(", "), first);
                }
            }
        }
    }

    /// Hands one body to the task that posts.
    pub(super) fn post(
        &self,
        state: &mut State,
        app_id: &str,
        body: Vec<u8>,
        says: String,
        first: Option<&FirstAttempt>,
    ) {
        state.deliveries += 1;
        let n = state.deliveries;
        let app_id = app_id.to_owned();
        let record = Record {
            n,
            app_id: app_id.clone(),
            says,
            tries: 0,
            answer: None,
            done: false,
        };
        state.log.insert(n, record);
        if state.log.len() > LOG_LENGTH {
            state.log.pop_first();
        }
        let first_attempt = first.cloned();
        let post = Post {
            n,
            app_id,
            body: body.into(),
            tries: 0,
            first_attempt,
        };
        self.open.send_modify(|open| *open += 1);
        // After a stop nobody posts any more, and nobody waits for it.
        if self.outbox.send(post).is_err() {
            self.open.send_modify(|open| *open -= 1);
        }
    }

    /// One attempt. Returns the post when it must be repeated.
    async fn attempt(&self, mut post: Post) -> Option<Post> {
        let (url, signature) = {
            let mut state = self.lock();
            let state = &mut *state;
            state.attempts += 1;
            let app = &state.apps[&post.app_id];
            let several = state.callbacks.get(&post.app_id);
            let url = several.and_then(|urls| urls.choose(&mut state.rng));
            (
                url.unwrap_or(&app.webhook_url).clone(),
                sign::signature(app.app_secret.expose(), &post.body),
            )
        };
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "facebookexternalua")
            .header("x-hub-signature-256", signature)
            .body(post.body.clone());
        let (done, answer) = match request.send().await {
            Ok(answer) => (answer.status() == 200, answer.status().as_u16().to_string()),
            Err(error) => (false, error.without_url().to_string()),
        };
        post.tries += 1;
        post.first_attempt = None;
        if let Some(record) = self.lock().log.get_mut(&post.n) {
            (record.tries, record.answer, record.done) = (post.tries, Some(answer), done);
        }
        if done {
            self.open.send_modify(|open| *open -= 1);
        }
        (!done).then_some(post)
    }
}

impl State {
    /// How late the next webhook leaves.
    fn lateness(&mut self) -> Duration {
        match self.delivery.overtake_ms {
            0 => Duration::ZERO,
            most => Duration::from_millis(self.rng.random_range(0..=most)),
        }
    }
}

/// Posts what the outbox holds until the simulator stops; what is then under way is
/// dropped, as a network would.
pub(super) async fn run(
    simulator: Arc<Simulator>,
    mut outbox: mpsc::UnboundedReceiver<Post>,
) -> Result<(), JoinError> {
    let mut attempts: JoinSet<Option<Post>> = JoinSet::new();
    let mut waiting: JoinSet<Post> = JoinSet::new();
    let wait = |waiting: &mut JoinSet<Post>, post, pause| {
        waiting.spawn(async move {
            tokio::time::sleep(pause).await;
            post
        });
    };
    loop {
        let (concurrency, redelivery) = {
            let state = simulator.lock();
            (state.delivery.concurrency, state.delivery.redelivery)
        };
        let free = attempts.len() < concurrency;
        let next = tokio::select! {
            () = simulator.stopped() => return Ok(()),
            Some(attempted) = attempts.join_next() => {
                if let Some(post) = attempted? {
                    let pause = redelivery.after(post.tries);
                    wait(&mut waiting, post, pause);
                }
                continue;
            }
            Some(post) = waiting.join_next(), if free => Some(post?),
            post = outbox.recv(), if free => {
                let pause = simulator.lock().lateness();
                match post {
                    Some(post) if !pause.is_zero() => {
                        wait(&mut waiting, post, pause);
                        continue;
                    }
                    post => post,
                }
            }
        };
        let Some(post) = next else { return Ok(()) };
        let simulator = Arc::clone(&simulator);
        attempts.spawn(async move { simulator.attempt(post).await });
    }
}
