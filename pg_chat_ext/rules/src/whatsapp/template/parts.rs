//! Header, body and buttons with what was given for them: of a template, or of one card of a carousel.

use serde_json::{Value, json};

use super::given::Given;
use super::stored::{Header, Stored, fill};
use super::text::Values;
use super::{Problem, button, header};

/// What is sent of the parts, and how each line reads.
#[derive(Default)]
pub(super) struct Parts {
    pub sent: Vec<Value>,
    pub lines: Vec<String>,
}

/// Fills them, and adds what does not fit to the problems.
pub(super) fn filled(stored: &Stored<'_>, given: &Given, problems: &mut Vec<Problem>) -> Parts {
    let Parts {
        mut sent,
        mut lines,
    } = Parts::default();
    let head = given.header.as_ref();
    match &stored.header {
        None => {
            if head.is_some() {
                problems.push(Problem::superfluous(
                    "header",
                    "this template has no header",
                ));
            }
        }
        Some(Header::Text { text, .. }) => {
            let values = Values::read("header", text, stored.named, head, problems);
            lines.push(fill(text, |place| values.shown(place)));
            sent.extend(component("header", values));
        }
        Some(Header::Media(kind)) => {
            lines.push(format!("[{kind}]"));
            sent.extend(keep(header::media(kind, head), problems).map(of_header));
        }
        Some(Header::Location) => {
            lines.push("[location]".to_owned());
            sent.extend(keep(header::location(head), problems).map(of_header));
        }
    }

    let values = Values::read(
        "body",
        stored.body,
        stored.named,
        given.body.as_ref(),
        problems,
    );
    lines.extend((!stored.body.is_empty()).then(|| fill(stored.body, |place| values.shown(place))));
    let code = values.parameters.first().cloned();
    sent.extend(component("body", values));
    lines.extend(stored.footer.map(str::to_owned));

    for (n, each) in stored.buttons.iter().enumerate() {
        lines.push(format!("[{}]", each.text));
        let made = button::component(n, each, given.buttons.get(n), code.as_ref());
        sent.extend(keep(made, problems).flatten());
    }
    for n in stored.buttons.len()..given.buttons.len() {
        if !given.buttons[n].is_null() {
            let why = match stored.buttons.len() {
                0 => "the template has no buttons".to_owned(),
                1 => "the template has 1 button".to_owned(),
                count => format!("the template has {count} buttons"),
            };
            problems.push(Problem::superfluous(&format!("button {}", n + 1), &why));
        }
    }
    Parts { sent, lines }
}

pub(super) fn keep<T>(made: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    made.map_err(|problem| problems.push(problem)).ok()
}

fn of_header(parameter: Value) -> Value {
    json!({"type": "header", "parameters": [parameter]})
}

/// A component of text, unless it is always the same.
fn component(part: &str, values: Values) -> Option<Value> {
    (!values.parameters.is_empty()).then(|| json!({"type": part, "parameters": values.parameters}))
}
