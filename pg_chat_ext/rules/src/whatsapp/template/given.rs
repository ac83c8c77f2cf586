//! What somebody gave for a template, in any of the forms that people use, as one.

use serde_json::{Map, Value};

use super::Problem;

/// Values by their part. What is null was not given.
#[derive(Default)]
pub(super) struct Given {
    pub header: Option<Value>,
    pub body: Option<Value>,
    /// In the order of the template's buttons.
    pub buttons: Vec<Value>,
    /// In the order of the carousel's cards.
    pub cards: Vec<Given>,
    /// When an offer ends.
    pub offer: Option<Value>,
}

impl Given {
    /// `{header, body, buttons, cards, offer}`; a list is the body's; a list of Meta's components is read as such.
    pub fn read(given: &Value) -> Result<Self, Problem> {
        match given {
            Value::Null => Ok(Self::default()),
            Value::Array(list) if !list.is_empty() && list.iter().all(is_component) => {
                Self::components(list)
            }
            Value::Array(_) => Ok(Self {
                body: Some(given.clone()),
                ..Self::default()
            }),
            Value::Object(parts) => Self::parts(parts),
            _ => Err(Problem::wrong(
                "parameters",
                "are an object: give {\"header\": …, \"body\": […], \"buttons\": […]}",
            )),
        }
    }

    fn parts(parts: &Map<String, Value>) -> Result<Self, Problem> {
        let known = ["header", "body", "buttons", "cards", "offer"];
        if let Some(other) = parts.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Problem::superfluous(
                other,
                "parameters are header, body, buttons, cards and offer",
            ));
        }
        let part = |name| parts.get(name).filter(|value| !value.is_null()).cloned();
        let buttons = match part("buttons") {
            None => Vec::new(),
            Some(Value::Array(buttons)) => buttons,
            Some(_) => {
                return Err(Problem::wrong(
                    "buttons",
                    "are a list in the order of the template's buttons, with null for those that want nothing",
                ));
            }
        };
        let cards = match part("cards") {
            None => Vec::new(),
            Some(Value::Array(cards)) => cards
                .iter()
                .enumerate()
                .map(|(n, card)| Self::read(card).map_err(|problem| problem.on_card(n)))
                .collect::<Result<_, _>>()?,
            Some(_) => {
                return Err(Problem::wrong(
                    "cards",
                    "are a list in the order of the carousel's cards: give {\"header\": …, \"body\": […], \"buttons\": […]} for each",
                ));
            }
        };
        Ok(Self {
            header: part("header"),
            body: part("body"),
            buttons,
            cards,
            offer: part("offer"),
        })
    }

    /// The form in which Meta takes them.
    fn components(list: &[Value]) -> Result<Self, Problem> {
        let mut given = Self::default();
        for component in list {
            let parameters = component["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            match component["type"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase()
                .as_str()
            {
                "header" => given.header = parameters.into_iter().next(),
                "body" => given.body = Some(by_name(parameters)),
                "limited_time_offer" => given.offer = parameters.into_iter().next(),
                "carousel" => given.cards = Self::cards(&component["cards"])?,
                _ => {
                    let index = index(&component["index"]).ok_or_else(|| {
                        Problem::wrong("button", "has no index: give \"0\" for the first one")
                    })?;
                    if given.buttons.len() <= index {
                        given.buttons.resize(index + 1, Value::Null);
                    }
                    given.buttons[index] = parameters.into_iter().next().unwrap_or_default();
                }
            }
        }
        Ok(given)
    }

    /// A carousel's cards as Meta takes them, each with its place.
    fn cards(list: &Value) -> Result<Vec<Self>, Problem> {
        let mut cards = Vec::new();
        for card in list.as_array().into_iter().flatten() {
            let n = index(&card["card_index"]).ok_or_else(|| {
                Problem::wrong("card", "has no card_index: give 0 for the first one")
            })?;
            let components = card["components"].as_array().map_or(&[][..], Vec::as_slice);
            let read = Self::components(components).map_err(|problem| problem.on_card(n))?;
            if cards.len() <= n {
                cards.resize_with(n + 1, Self::default);
            }
            cards[n] = read;
        }
        Ok(cards)
    }
}

fn is_component(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default().to_lowercase();
    let kinds = ["header", "body", "button", "carousel", "limited_time_offer"];
    kinds.contains(&kind.as_str())
}

/// Of at most ten buttons, or cards.
fn index(value: &Value) -> Option<usize> {
    let index = match value {
        Value::String(text) => text.parse().ok()?,
        value => usize::try_from(value.as_u64()?).ok()?,
    };
    (index < 10).then_some(index)
}

fn by_name(parameters: Vec<Value>) -> Value {
    let name = |parameter: &Value| parameter["parameter_name"].as_str().map(str::to_owned);
    if !parameters.is_empty() && parameters.iter().all(|parameter| name(parameter).is_some()) {
        return parameters
            .into_iter()
            .map(|parameter| (name(&parameter).unwrap_or_default(), parameter))
            .collect::<Map<_, _>>()
            .into();
    }
    Value::Array(parameters)
}
