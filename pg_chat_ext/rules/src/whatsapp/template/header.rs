//! A header that is no text: a file or a place on the map.

use serde_json::{Value, json};

use super::Problem;

/// A parameter of `kind` (`image`, `video`, `document`).
pub(super) fn media(kind: &str, given: Option<&Value>) -> Result<Value, Problem> {
    let Some(given) = given else {
        let wants = format!(
            "the {kind} as {{\"path\": \"chat/…\"}} of a file in the bucket, {{\"id\": …}} of an uploaded one, or {{\"link\": \"https://…\"}}"
        );
        return Err(Problem::missing("header", &wants));
    };
    let other = ["image", "video", "document"]
        .into_iter()
        .find(|other| *other != kind && given.get(*other).is_some());
    if let Some(other) = other {
        return Err(Problem::wrong(
            "header",
            &format!("has the wrong kind of file: give the {kind} of this template, not a {other}"),
        ));
    }
    let file = given.get(kind).unwrap_or(given);
    let id = match &file["id"] {
        Value::String(id) if !id.trim().is_empty() => Some(id.trim().to_owned()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    // A text alone is a path in the bucket or an address.
    let alone = file.as_str();
    let path = file["path"]
        .as_str()
        .or(alone.filter(|text| text.starts_with("chat/")));
    let link = file["link"].as_str().or(alone.filter(|_| path.is_none()));
    let mut part = match (path, id, link) {
        (Some(path), None, None) if path.starts_with("chat/") => json!({"path": path}),
        (Some(_), None, None) => {
            return Err(Problem::wrong(
                "header",
                "has a path that is none: give that of an upload, chat/<site>/<uuid>_<name>",
            ));
        }
        (None, Some(id), None) => json!({"id": id}),
        (None, None, Some(link)) if is_address(link) => json!({"link": link}),
        (None, None, Some(_)) => {
            return Err(Problem::wrong(
                "header",
                "has a link that is no https address: Meta fetches it from there",
            ));
        }
        (None, Some(_), Some(_)) => {
            return Err(Problem::wrong(
                "header",
                "has id and link: give one of them",
            ));
        }
        (Some(_), _, _) => {
            return Err(Problem::wrong(
                "header",
                "has a path and something else: give one of them",
            ));
        }
        (None, None, None) => {
            return Err(Problem::wrong(
                "header",
                &format!(
                    "names no file: give the {kind} as {{\"path\": \"chat/…\"}} of a file in the bucket, {{\"id\": …}} of an uploaded one, or {{\"link\": \"https://…\"}}"
                ),
            ));
        }
    };
    if kind == "document"
        && let Some(name) = file["filename"]
            .as_str()
            .filter(|name| !name.trim().is_empty())
    {
        part["filename"] = json!(name);
    }
    Ok(json!({"type": kind, kind: part}))
}

/// A place on the map.
pub(super) fn location(given: Option<&Value>) -> Result<Value, Problem> {
    let wants = "the place as {\"latitude\": …, \"longitude\": …, \"name\": …, \"address\": …}";
    let Some(given) = given else {
        return Err(Problem::missing("header", wants));
    };
    let place = given.get("location").unwrap_or(given);
    let degrees = |name: &str, most: f64| {
        let value = match &place[name] {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        };
        value.filter(|degrees: &f64| degrees.abs() <= most)
    };
    let (Some(latitude), Some(longitude)) =
        (degrees("latitude", 90.0), degrees("longitude", 180.0))
    else {
        return Err(Problem::wrong(
            "header",
            &format!("is no place on the map: give {wants}"),
        ));
    };
    let mut part = json!({"latitude": latitude.to_string(), "longitude": longitude.to_string()});
    for name in ["name", "address"] {
        if let Some(text) = place[name].as_str().filter(|text| !text.trim().is_empty()) {
            part[name] = json!(text);
        }
    }
    Ok(json!({"type": "location", "location": part}))
}

fn is_address(link: &str) -> bool {
    let rest = link
        .strip_prefix("https://")
        .or_else(|| link.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !link.chars().any(char::is_whitespace)
}

/// Whether a header is given by a path in the bucket.
pub(super) fn is_path(given: &Value) -> bool {
    let parts = ["image", "video", "document"];
    let file = parts
        .iter()
        .find_map(|kind| given.get(kind))
        .unwrap_or(given);
    let alone = file.as_str().unwrap_or_default();
    file.get("path").is_some() || alone.starts_with("chat/")
}
