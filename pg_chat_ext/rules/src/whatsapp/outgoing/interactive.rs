//! Buttons, lists, links, forms and requests: `metadata.interactive`, Meta's object.

use serde_json::{Map, Value, json};

use super::Message;
use super::check::Refused;
use super::field::Field;

const BODY: usize = 1_024;
const LIST_BODY: usize = 4_096;
const HEADER: usize = 60;
const FOOTER: usize = 60;
const BUTTONS: usize = 3;
const BUTTON_ID: usize = 256;
const BUTTON_TITLE: usize = 20;
const SECTIONS: usize = 10;
const ROWS: usize = 10;
const ROW_ID: usize = 200;
const ROW_TITLE: usize = 24;
const ROW_DESCRIPTION: usize = 72;
const SECTION_TITLE: usize = 24;
const ADDRESS: usize = 2_000;
const FLOW_BUTTON: usize = 30;

/// The object as it is sent, its limits held. Its words may stand in the content instead; a type that is not known here
/// goes as it is.
pub(super) fn part(message: &Message<'_>, metadata: &Field<'_>) -> Result<Value, Refused> {
    let interactive = metadata.get("interactive");
    let mut part = interactive.object()?.clone();
    let kind = interactive.get("type").text(64)?;
    if let Some(body) = words(message, &interactive, kind)? {
        part.insert("body".to_owned(), body);
    }
    header(&interactive, kind)?;
    interactive.get("footer").get("text").text_if_any(FOOTER)?;
    let action = interactive.get("action");
    action.object()?;
    match kind {
        "button" => buttons(&action)?,
        "list" => list(&action)?,
        "cta_url" => link(&action)?,
        "flow" => flow(&action)?,
        "location_request_message" => named(&action, "send_location")?,
        "contact_request" => named(&action, "request_contact_info")?,
        _ => {}
    }
    Ok(part.into())
}

/// The body to put in its place when the content holds its words.
fn words(
    message: &Message<'_>,
    interactive: &Field<'_>,
    kind: &str,
) -> Result<Option<Value>, Refused> {
    let most = if kind == "list" { LIST_BODY } else { BODY };
    let body = interactive.get("body").get("text");
    if body.text_if_any(most)?.is_some() {
        return Ok(None);
    }
    let content = json!(message.content);
    if let Some(words) = Field::root("content", &content).text_if_any(most)? {
        return Ok(Some(json!({"text": words})));
    }
    // A product shows itself.
    if kind == "product" {
        return Ok(None);
    }
    Err(body.missing())
}

fn header(interactive: &Field<'_>, kind: &str) -> Result<(), Refused> {
    let header = interactive.get("header");
    if !header.is_there() {
        return Ok(());
    }
    let has = header.get("type").text(64)?;
    if kind == "list" && has != "text" {
        return Err(header.get("type").wrong("is text above a list"));
    }
    match has {
        "text" => header.get("text").text(HEADER).map(drop),
        "image" | "video" | "document" => file(&header.get(has)),
        _ => Ok(()),
    }
}

fn file(media: &Field<'_>) -> Result<(), Refused> {
    media.object()?;
    if media.get("id").text_if_any(512)?.is_none() {
        media.get("link").address(ADDRESS)?;
    }
    Ok(())
}

fn buttons(action: &Field<'_>) -> Result<(), Refused> {
    let mut ids = Vec::new();
    for button in action.get("buttons").list(1..=BUTTONS)? {
        let reply = button.get("reply");
        ids.push((reply.get("id"), reply.get("id").text(BUTTON_ID)?));
        reply.get("title").text(BUTTON_TITLE)?;
    }
    different(&ids)
}

fn list(action: &Field<'_>) -> Result<(), Refused> {
    action.get("button").text(BUTTON_TITLE)?;
    let sections = action.get("sections");
    let several = sections.list(1..=SECTIONS)?;
    let mut ids = Vec::new();
    for section in &several {
        let title = section.get("title");
        if several.len() > 1 {
            title.text(SECTION_TITLE)?;
        } else {
            title.text_if_any(SECTION_TITLE)?;
        }
        for row in section.get("rows").list(1..=ROWS)? {
            ids.push((row.get("id"), row.get("id").text(ROW_ID)?));
            row.get("title").text(ROW_TITLE)?;
            row.get("description").text_if_any(ROW_DESCRIPTION)?;
        }
    }
    if ids.len() > ROWS {
        return Err(sections.count(&(1..=ROWS), ids.len()));
    }
    different(&ids)
}

/// What comes back is an id, so each has its own.
fn different(ids: &[(Field<'_>, &str)]) -> Result<(), Refused> {
    for (place, (field, id)) in ids.iter().enumerate() {
        if ids[..place].iter().any(|(_, earlier)| earlier == id) {
            return Err(field.wrong("is another one than those before it"));
        }
    }
    Ok(())
}

fn link(action: &Field<'_>) -> Result<(), Refused> {
    named(action, "cta_url")?;
    let parameters = action.get("parameters");
    parameters.get("display_text").text(BUTTON_TITLE)?;
    parameters.get("url").address(ADDRESS).map(drop)
}

fn flow(action: &Field<'_>) -> Result<(), Refused> {
    named(action, "flow")?;
    let parameters = action.get("parameters");
    let given: &Map<String, Value> = parameters.object()?;
    if given.contains_key("flow_id") == given.contains_key("flow_name") {
        return Err(parameters.wrong("has either flow_id or flow_name"));
    }
    parameters.get("flow_message_version").text(8)?;
    parameters.get("flow_cta").text(FLOW_BUTTON).map(drop)
}

fn named(action: &Field<'_>, name: &str) -> Result<(), Refused> {
    let field = action.get("name");
    if field.text(64)? == name {
        return Ok(());
    }
    Err(field.wrong(&format!("is {name} here")))
}
