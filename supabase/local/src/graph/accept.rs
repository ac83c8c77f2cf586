//! Takes a message that passed: whether it may go now, and what becomes of it.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::phones::{Author, Bubble};
use super::simulator::State;
use super::validate::{Address, Outgoing};
use super::{
    Call, Misbehaviour, Number, Refusal, Simulator, Status, TemplateStatus, faults, statuses,
    template, wamid,
};

/// An accepted message.
pub(super) struct Accepted {
    /// The body of the 200.
    pub answer: Value,
    /// Ends when the worker heard of its statuses once. `None` unless statuses shall come
    /// before the answer.
    pub heard: Option<mpsc::Receiver<std::convert::Infallible>>,
}

impl Simulator {
    /// Refuses what Meta refuses at once for reasons outside the body; says what is to go
    /// wrong with the rest.
    pub(super) fn admit(
        &self,
        number: &Number,
        outgoing: &Outgoing,
    ) -> Result<Option<Misbehaviour>, Refusal> {
        let mut state = self.lock();
        let state = &mut *state;
        if let Address::Phone(phone) = &outgoing.to {
            if *phone == number.digits() {
                return Err(Refusal::of(131_021));
            }
            let listed = number.allowed_recipients.as_ref();
            if listed.is_some_and(|allowed| !allowed.contains(phone)) {
                return Err(Refusal::of(131_030));
            }
        }
        template::known(&state.templates, outgoing)?;
        let (id, recipient) = (&number.phone_number_id, outgoing.to.id());
        let now = state.now_ms();
        state
            .usage
            .admit(state.limits, id, recipient, now)
            .map_err(Refusal::of)?;
        Ok(faults::take(
            &mut state.faults,
            Call::Send,
            id,
            Some(recipient),
        ))
    }

    /// Sends: the phone has it or it fails, and the statuses are on their way, unless the fault says otherwise.
    pub(super) fn accept(
        &self,
        number: &Number,
        outgoing: &Outgoing,
        fault: Option<Misbehaviour>,
    ) -> Accepted {
        let fail_with = match fault {
            Some(Misbehaviour::FailLater { code }) => Some(code),
            _ => None,
        };
        let mut state = self.lock();
        let key = state.resolve(&outgoing.to);
        let error = fail_with
            .or_else(|| state.phones[&key].habits.fails_with)
            .or_else(|| {
                state
                    .outside_window(&key, number, outgoing)
                    .then_some(131_047)
            });
        let template = template::known(&state.templates, outgoing)
            .ok()
            .flatten()
            .cloned();
        let category = match (&outgoing.template, &template) {
            (None, _) => "service".to_owned(),
            (Some(_), None) => "utility".to_owned(),
            (Some(_), Some(template)) => template.category.clone(),
        };
        let digits: String = key.chars().filter(char::is_ascii_digit).collect();
        let wamid = wamid::outgoing(&mut state.rng, &digits);
        let bubble = Bubble {
            n: 0,
            by: Author::Business,
            phone_number_id: number.phone_number_id.clone(),
            wamid: wamid.clone(),
            kind: outgoing.kind.clone(),
            text: outgoing.shown.clone(),
            at: state.now_seconds(),
            to: outgoing.input.clone(),
            status: None,
            error,
            callback: outgoing.callback.clone(),
            quoted: outgoing.quoted.clone(),
            marked_read: false,
            category,
            voice: outgoing.voice,
        };
        let course = match (error, state.delivery.order.scripted()) {
            _ if fault == Some(Misbehaviour::Untold) => Vec::new(),
            (Some(_), _) => vec![Status::Failed],
            (None, Some(script)) => script.to_vec(),
            (None, None) => statuses::course(&bubble, &state.phones[&key].habits),
        };
        state.show(&key, bubble);
        if let Some(phone) = state.phones.get_mut(&key) {
            phone.typing_until = 0;
        }
        let updates = state.report(&key, &wamid, &course);
        let (first_attempt, heard) = mpsc::channel(1);
        let before_answer = state.delivery.before_answer;
        self.report_statuses(&mut state, updates, before_answer.then_some(&first_attempt));
        Accepted {
            answer: answer(
                outgoing,
                &key,
                &wamid,
                template.map(|template| template.status),
            ),
            heard: before_answer.then_some(heard),
        }
    }
}

impl State {
    /// Free text to somebody who did not write within 24 hours. Groups have no window.
    fn outside_window(&self, key: &str, number: &Number, outgoing: &Outgoing) -> bool {
        let free = outgoing.template.is_none() && !matches!(outgoing.to, Address::Group(_));
        let phone = &self.phones[key];
        let id = &number.phone_number_id;
        let stranger = !phone.wrote.contains_key(id);
        let open = phone.window_open(id, self.now_seconds());
        free && !open && !(stranger && self.assume_known)
    }
}

/// What Meta answers: the ids of the recipient as it knows them, and the wamid.
fn answer(outgoing: &Outgoing, key: &str, wamid: &str, template: Option<TemplateStatus>) -> Value {
    let mut contact = json!({"input": outgoing.input});
    match &outgoing.to {
        Address::Phone(_) => contact["wa_id"] = json!(key),
        Address::User(user_id) => contact["user_id"] = json!(user_id),
        Address::Group(_) => {}
    }
    let mut message = json!({"id": wamid});
    if outgoing.template.is_some() {
        let held = template == Some(TemplateStatus::HeldForQualityAssessment);
        message["message_status"] = json!(if held {
            "held_for_quality_assessment"
        } else {
            "accepted"
        });
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}
