//! A filled template: what is sent, and how it reads.

use serde::Serialize;
use serde_json::{Value, json};

use super::given::Given;
use super::parts::{self, Parts};
use super::stored::Stored;
use super::{Problem, header, offer};
use crate::whatsapp::Error;

/// A template with everything in its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filled {
    /// Graph's `template.components`. Parts that are always the same are not in it.
    pub components: Vec<Value>,
    /// How it reads: header, body and footer, and a line for each button.
    pub preview: String,
}

/// Fills a template. `components` and `parameter_format` as Graph keeps them; `given` is `{header, body, buttons}`:
/// the body's values as a list or by name, the header as a text, `{path}`, `{id}` or `{link}` of a file or
/// `{latitude, longitude}`, buttons as a list in the template's order with null for those that want nothing; `cards`, a list
/// of the same for each card of a carousel; `offer`, when it ends. A list alone is the body; Meta's own list of components
/// is taken, too.
///
/// # Errors
/// Every parameter that is missing, too much or wrong.
pub fn template_message(
    components: &Value,
    parameter_format: Option<&str>,
    given: &Value,
) -> Result<Filled, Vec<Problem>> {
    let stored = Stored::read(components, parameter_format);
    if let Some(beyond) = &stored.beyond {
        let why = format!(
            "this template has a {beyond}, which cannot be filled from here: use another template"
        );
        return Err(vec![Problem::unsendable(beyond, &why)]);
    }
    let given = Given::read(given).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let Parts {
        mut sent,
        mut lines,
    } = parts::filled(&stored, &given, &mut problems);
    match stored.offer {
        Some((says, has_end)) => {
            lines.push(says.to_owned());
            if has_end {
                sent.extend(parts::keep(
                    offer::component(given.offer.as_ref()),
                    &mut problems,
                ));
            } else if given.offer.is_some() {
                problems.push(Problem::superfluous("offer", "this offer has no end"));
            }
        }
        None if given.offer.is_some() => {
            problems.push(Problem::superfluous("offer", "this template has no offer"));
        }
        None => {}
    }
    cards(&stored, given.cards, &mut sent, &mut lines, &mut problems);

    if problems.is_empty() {
        let preview = lines.join("\n");
        Ok(Filled {
            components: sent,
            preview,
        })
    } else {
        Err(problems)
    }
}

/// The same over JSON texts: `{components, preview}`, or `{problems}`.
///
/// # Errors
/// [`Error::NotJson`] when a text is no JSON.
pub fn template_message_json(
    components: &str,
    parameter_format: Option<&str>,
    given: Option<&str>,
) -> Result<String, Error> {
    let components = serde_json::from_str(components).map_err(Error::NotJson)?;
    let given = serde_json::from_str(given.unwrap_or("null")).map_err(Error::NotJson)?;
    let answer = match template_message(&components, parameter_format, &given) {
        Ok(filled) => json!(filled),
        Err(problems) => json!({"problems": problems}),
    };
    Ok(answer.to_string())
}

/// The carousel, where there is one: a component of all its cards.
fn cards(
    stored: &Stored<'_>,
    given: Vec<Given>,
    sent: &mut Vec<Value>,
    lines: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) {
    let count = stored.cards.len();
    for n in count..given.len() {
        let why = match count {
            0 => "the template has no carousel".to_owned(),
            1 => "the carousel has 1 card".to_owned(),
            count => format!("the carousel has {count} cards"),
        };
        problems.push(Problem::superfluous(&format!("card {}", n + 1), &why));
    }
    let mut given = given.into_iter();
    let mut filled = Vec::new();
    for (n, card) in stored.cards.iter().enumerate() {
        let given = given.next().unwrap_or_default();
        let mut found = Vec::new();
        if given.header.as_ref().is_some_and(header::is_path) {
            found.push(Problem::wrong(
                "header",
                "names a path: a message carries one file, so give cards theirs as {\"id\": …} or {\"link\": \"https://…\"}",
            ));
        }
        let of_card = parts::filled(card, &given, &mut found);
        problems.extend(found.into_iter().map(|problem| problem.on_card(n)));
        lines.push(format!("— {} —", n + 1));
        lines.extend(of_card.lines);
        filled.push(json!({"card_index": n, "components": of_card.sent}));
    }
    if count > 0 {
        sent.push(json!({"type": "carousel", "cards": filled}));
    }
}
