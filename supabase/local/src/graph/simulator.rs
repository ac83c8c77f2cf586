//! The simulator's memory and clock. Rooms beside this one add what they do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::sync::{mpsc, watch};

use super::deliver::Post;
use super::limits::Usage;
use super::phones::Phone;
use super::webhook::Update;
use super::{
    App, Config, Delivery, Error, Fault, Limits, Media, Misbehaviour, Number, Record, Template,
    Token,
};

/// A running double of Meta's Graph API; see the module. Shared by the server, the task
/// that posts webhooks and whoever directs them.
pub struct Simulator {
    state: Mutex<State>,
    kill: Mutex<Option<KillHook>>,
    pub(super) outbox: mpsc::UnboundedSender<Post>,
    /// Webhooks that were not yet answered with 200, without those held back.
    pub(super) open: watch::Sender<usize>,
    pub(super) client: reqwest::Client,
    pub(super) stopping: watch::Receiver<bool>,
}

type KillHook = Arc<dyn Fn() + Send + Sync>;

/// Everything that changes.
pub(super) struct State {
    pub rng: StdRng,
    ahead_ms: i64,
    pub assume_known: bool,
    pub apps: BTreeMap<String, App>,
    pub tokens: Vec<Token>,
    /// In the order they were configured; the first is where phones write by default.
    pub numbers: Vec<Number>,
    pub templates: Vec<Template>,
    /// Which apps hear of an account.
    pub subscriptions: BTreeMap<String, BTreeSet<String>>,
    pub delivery: Delivery,
    pub limits: Limits,
    pub usage: Usage,
    pub faults: Vec<Fault>,
    pub phones: BTreeMap<String, Phone>,
    /// The phone in whose chat a wamid stands.
    pub owners: BTreeMap<String, String>,
    /// Bubbles shown so far.
    pub bubbles: u64,
    /// Files by their ids.
    pub media: BTreeMap<String, Media>,
    /// Addresses of files: the file's id, and until when in Unix milliseconds.
    pub addresses: BTreeMap<String, (String, i64)>,
    /// Statuses held back until released.
    pub held: Vec<Update>,
    /// The latest deliveries by number.
    pub log: BTreeMap<u64, Record>,
    /// Deliveries begun so far.
    pub deliveries: u64,
    /// How often any of them was posted.
    pub attempts: u64,
    /// Several callbacks of an app, instead of its one.
    pub callbacks: BTreeMap<String, Vec<String>>,
    /// What sends were refused with at once, by their callback data.
    pub refused: BTreeMap<String, u32>,
}

impl Simulator {
    pub(super) fn new(
        config: Config,
        client: reqwest::Client,
        outbox: mpsc::UnboundedSender<Post>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let everyone: BTreeSet<String> = config.apps.iter().map(|a| a.app_id.clone()).collect();
        let accounts = config.numbers.iter().map(|number| number.waba_id.clone());
        let state = State {
            rng: StdRng::seed_from_u64(config.seed.unwrap_or_else(rand::random)),
            ahead_ms: 0,
            assume_known: config.assume_known,
            subscriptions: accounts.map(|waba| (waba, everyone.clone())).collect(),
            apps: config
                .apps
                .into_iter()
                .map(|app| (app.app_id.clone(), app))
                .collect(),
            tokens: config.tokens,
            numbers: config.numbers,
            templates: config.templates,
            delivery: config.delivery,
            limits: config.limits,
            usage: Usage::default(),
            faults: Vec::new(),
            phones: BTreeMap::new(),
            owners: BTreeMap::new(),
            bubbles: 0,
            media: BTreeMap::new(),
            addresses: BTreeMap::new(),
            held: Vec::new(),
            log: BTreeMap::new(),
            deliveries: 0,
            attempts: 0,
            callbacks: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
            kill: Mutex::new(None),
            outbox,
            open: watch::Sender::new(0),
            client,
            stopping,
        }
    }

    /// The memory. A panic elsewhere leaves it readable: a test wants to see it then.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the simulator is told to stop, or its handle is gone.
    pub(super) async fn stopped(&self) {
        // An error means that the handle was dropped, which stops it as well.
        drop(self.stopping.clone().wait_for(|stop| *stop).await);
    }

    /// Makes requests go wrong. Rules are asked in the order they were added.
    pub fn add_fault(&self, fault: Fault) -> Result<(), Error> {
        let kills = matches!(fault.does, Misbehaviour::Kill { .. });
        if kills && self.kill_hook().is_none() {
            return Err(Error::Invalid(
                "nobody said whom to kill (on_kill)".to_owned(),
            ));
        }
        self.lock().faults.push(fault);
        Ok(())
    }

    /// The rules that still wait for requests.
    pub fn faults(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    /// Everything goes well again.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// What [`Misbehaviour::Kill`] calls: typically it kills the worker's process.
    pub fn on_kill(&self, hook: impl Fn() + Send + Sync + 'static) {
        *self.kill.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    pub(super) fn kill_hook(&self) -> Option<KillHook> {
        self.kill
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The templates of every account.
    pub fn templates(&self) -> Vec<Template> {
        self.lock().templates.clone()
    }

    /// Puts others in their place, as people do at Meta; nobody is told.
    pub fn set_templates(&self, templates: Vec<Template>) {
        self.lock().templates = templates;
    }

    /// One more app, which hears of no account before it subscribes.
    pub fn add_app(&self, app: App) {
        self.lock().apps.insert(app.app_id.clone(), app);
    }

    /// One more number.
    pub fn add_number(&self, number: Number) {
        self.lock().numbers.push(number);
    }

    /// One more token.
    pub fn add_token(&self, token: Token) {
        self.lock().tokens.push(token);
    }

    /// A token answers as an expired session does from now on.
    pub fn expire_token(&self, text: &str) {
        let mut state = self.lock();
        let known = state
            .tokens
            .iter_mut()
            .filter(|token| token.token.expose() == text);
        known.for_each(|token| token.expired = true);
    }

    /// Changes the throttles.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// Moves the simulator's clock ahead: windows close, throttles recover.
    pub fn advance(&self, seconds: i64) {
        self.lock().ahead_ms += seconds * 1_000;
    }

    /// Sends an app's webhooks elsewhere from now on, repeated ones too.
    pub fn set_webhook(&self, app_id: &str, url: impl Into<String>) -> Result<(), Error> {
        let mut state = self.lock();
        let unknown = || Error::Unknown {
            what: "app",
            name: app_id.to_owned(),
        };
        state.apps.get_mut(app_id).ok_or_else(unknown)?.webhook_url = url.into();
        state.callbacks.remove(app_id);
        Ok(())
    }

    /// Sends each of an app's webhooks to any of these addresses, as a balancer before several workers does.
    pub fn set_webhooks(&self, app_id: &str, urls: Vec<String>) -> Result<(), Error> {
        let mut state = self.lock();
        state.app(app_id)?;
        state.callbacks.insert(app_id.to_owned(), urls);
        Ok(())
    }

    /// The codes with which sends were refused at once, by their callback data.
    pub fn refusals(&self) -> BTreeMap<String, u32> {
        self.lock().refused.clone()
    }
}

impl State {
    /// Unix milliseconds by the simulator's clock.
    pub(super) fn now_ms(&self) -> i64 {
        Timestamp::now().as_millisecond() + self.ahead_ms
    }

    /// Unix seconds by the simulator's clock.
    pub(super) fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    pub(super) fn number(&self, id: &str) -> Result<&Number, Error> {
        let known = self
            .numbers
            .iter()
            .find(|number| number.phone_number_id == id);
        known.ok_or_else(|| Error::Unknown {
            what: "number",
            name: id.to_owned(),
        })
    }

    pub(super) fn first_number(&self) -> Result<&Number, Error> {
        let first = self.numbers.first();
        first.ok_or_else(|| Error::Invalid("the simulator has no number".to_owned()))
    }

    pub(super) fn app(&self, id: &str) -> Result<&App, Error> {
        let known = self.apps.get(id);
        known.ok_or_else(|| Error::Unknown {
            what: "app",
            name: id.to_owned(),
        })
    }

    /// An id as Graph gives its objects.
    pub(super) fn random_id(&mut self) -> String {
        self.rng
            .random_range(1_000_000_000_000_000_u64..10_000_000_000_000_000)
            .to_string()
    }

    /// 32 random bytes in base64, as a media's `sha256`.
    pub(super) fn random_digest(&mut self) -> String {
        let mut digest = [0; 32];
        self.rng.fill_bytes(&mut digest);
        STANDARD.encode(digest)
    }
}
