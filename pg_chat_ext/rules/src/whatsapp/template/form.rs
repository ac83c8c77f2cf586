//! What a picker shows of a template before anything is filled in.

use serde::Serialize;
use serde_json::Value;

use super::stored::{Does, Header, Stored, fill, places};
use crate::whatsapp::Error;

/// A template as a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// What may be given, in the order in which it reads.
    pub parameters: Vec<Wanted>,
    /// How it reads with its examples; places without one stay as they are.
    pub preview: String,
    /// A part that cannot be filled from here, if it has one.
    pub beyond: Option<String>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// As a problem names it: `header`, `body {{2}}`, `button 1`.
    #[serde(rename = "where")]
    pub place: String,
    /// `header`, `body`, `buttons` or `offer`: the key under which it is given.
    pub part: &'static str,
    /// The place's number or name in a text; the button's number from 0; null of a header that is no text.
    pub key: Option<String>,
    /// Of a carousel's card, the card's number from 0: it is given in that entry of `cards`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<usize>,
    /// `text`, `image`, `video`, `document`, `location`, `url`, `payload`, `code`, `flow`, `product`,
    /// `products` or `time`.
    pub kind: &'static str,
    /// Whether the template cannot be sent without it.
    pub required: bool,
    /// What is written on a button.
    pub label: Option<String>,
    /// What Meta was shown when the template was handed in.
    pub example: Option<String>,
}

/// The parameters of a template, and how it reads with its examples.
pub fn template_form(components: &Value, parameter_format: Option<&str>) -> Form {
    let stored = Stored::read(components, parameter_format);
    let mut parameters = Vec::new();
    let mut lines = Vec::new();
    add(&stored, &mut parameters, &mut lines);
    if let Some((says, has_end)) = stored.offer {
        lines.push(says.to_owned());
        if has_end {
            parameters.push(wanted("offer".to_owned(), "offer", None, "time"));
        }
    }
    for (n, card) in stored.cards.iter().enumerate() {
        lines.push(format!("— {} —", n + 1));
        let mut of_card = Vec::new();
        add(card, &mut of_card, &mut lines);
        parameters.extend(of_card.into_iter().map(|parameter| Wanted {
            place: format!("card {} {}", n + 1, parameter.place),
            card: Some(n),
            ..parameter
        }));
    }
    Form {
        parameters,
        preview: lines.join("\n"),
        beyond: stored.beyond,
    }
}

fn wanted(place: String, part: &'static str, key: Option<String>, kind: &'static str) -> Wanted {
    Wanted {
        place,
        part,
        key,
        card: None,
        kind,
        required: true,
        label: None,
        example: None,
    }
}

/// Header, body and buttons, of a template or of one card.
fn add(stored: &Stored<'_>, parameters: &mut Vec<Wanted>, lines: &mut Vec<String>) {
    match &stored.header {
        Some(Header::Text { text, example }) => {
            for place in places(text) {
                let key = Some(place.to_owned());
                parameters.push(Wanted {
                    example: example.clone(),
                    ..wanted(format!("header {{{{{place}}}}}"), "header", key, "text")
                });
            }
            lines.push(fill(text, |_| example.clone()));
        }
        Some(Header::Media(kind)) => {
            parameters.push(wanted("header".to_owned(), "header", None, kind));
            lines.push(format!("[{kind}]"));
        }
        Some(Header::Location) => {
            parameters.push(wanted("header".to_owned(), "header", None, "location"));
            lines.push("[location]".to_owned());
        }
        None => {}
    }
    let example = |place: &str| {
        let found = stored
            .body_examples
            .iter()
            .find(|(name, _)| *name == Some(place));
        found.map(|(_, example)| example.clone())
    };
    for place in places(stored.body) {
        let key = Some(place.to_owned());
        parameters.push(Wanted {
            example: example(place),
            ..wanted(format!("body {{{{{place}}}}}"), "body", key, "text")
        });
    }
    lines.extend((!stored.body.is_empty()).then(|| fill(stored.body, example)));
    lines.extend(stored.footer.map(str::to_owned));
    for (n, button) in stored.buttons.iter().enumerate() {
        lines.push(format!("[{}]", button.text));
        let (kind, required) = match button.does {
            // The body's code is repeated by itself.
            Does::Nothing | Does::Otp => continue,
            Does::Url => ("url", true),
            Does::QuickReply => ("payload", false),
            Does::CopyCode => ("code", true),
            Does::Flow => ("flow", false),
            Does::Catalog => ("product", false),
            Does::Products => ("products", true),
        };
        parameters.push(Wanted {
            required,
            label: Some(button.text.to_owned()),
            example: button.example.clone(),
            ..wanted(
                format!("button {}", n + 1),
                "buttons",
                Some(n.to_string()),
                kind,
            )
        });
    }
}

/// The same over JSON texts: `{parameters, preview, beyond}`.
///
/// # Errors
/// [`Error::NotJson`] when the components are no JSON.
pub fn template_form_json(
    components: &str,
    parameter_format: Option<&str>,
) -> Result<String, Error> {
    let components = serde_json::from_str(components).map_err(Error::NotJson)?;
    let form = template_form(&components, parameter_format);
    Ok(serde_json::to_string(&form).expect("words are always JSON"))
}
