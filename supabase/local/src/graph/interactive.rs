//! Interactive messages: buttons, lists, links, flows and requests.

use serde_json::Value;

use super::Refusal;
use super::validate::{object, optional, required};

/// Checks an `interactive` object; answers with what a phone shows of it.
pub(super) fn read(interactive: &Value) -> Result<String, Refusal> {
    let kind = required(interactive, "interactive", "type", 64)?;
    let action = object(interactive, "action")?;
    let most = if kind == "list" { 4096 } else { 1024 };
    let mut shown = Vec::new();
    if let Some(header) = interactive.get("header") {
        shown.extend(optional(header, "text", 60)?);
    }
    match interactive.get("body") {
        Some(body) => shown.push(required(body, "interactive[\"body\"]", "text", most)?.to_owned()),
        // A single product shows itself.
        None if kind == "product" => shown.push("product".to_owned()),
        None => return Err(Refusal::missing("interactive[\"body\"]")),
    }
    if let Some(footer) = interactive.get("footer") {
        shown.extend(optional(footer, "text", 60)?);
    }
    match kind {
        "button" => shown.extend(buttons(action)?),
        "list" => shown.extend(rows(action)?),
        "cta_url" => {
            let link = object(action, "parameters")?;
            shown.push(format!(
                "[{}]",
                required(link, "parameters", "display_text", 20)?
            ));
            required(link, "parameters", "url", 2000)?;
        }
        "flow" => shown.push(flow(action)?),
        _ => {}
    }
    Ok(shown.join("\n"))
}

fn buttons(action: &Value) -> Result<Vec<String>, Refusal> {
    let buttons = list(action, "buttons")?;
    if buttons.is_empty() || buttons.len() > 3 {
        return Err(Refusal::invalid("Button count must be 1 to 3."));
    }
    let mut ids = Vec::new();
    let mut titles = Vec::new();
    for button in buttons {
        let reply = object(button, "reply")?;
        let id = required(reply, "reply", "id", 256)?;
        if ids.contains(&id) {
            return Err(Refusal::invalid("Button ids must be unique."));
        }
        ids.push(id);
        titles.push(format!("[{}]", required(reply, "reply", "title", 20)?));
    }
    Ok(titles)
}

fn rows(action: &Value) -> Result<Vec<String>, Refusal> {
    required(action, "action", "button", 20)?;
    let sections = list(action, "sections")?;
    let mut titles = Vec::new();
    for section in sections {
        if sections.len() > 1 {
            required(section, "section", "title", 24)?;
        }
        for row in list(section, "rows")? {
            required(row, "row", "id", 200)?;
            optional(row, "description", 72)?;
            titles.push(format!("• {}", required(row, "row", "title", 24)?));
        }
    }
    if titles.is_empty() || sections.len() > 10 || titles.len() > 10 {
        return Err(Refusal::invalid(
            "A list has 1 to 10 rows in at most 10 sections.",
        ));
    }
    Ok(titles)
}

fn flow(action: &Value) -> Result<String, Refusal> {
    let parameters = object(action, "parameters")?;
    if parameters.get("flow_id").is_some() == parameters.get("flow_name").is_some() {
        return Err(Refusal::invalid(
            "Exactly one of flow_id and flow_name is required.",
        ));
    }
    required(parameters, "parameters", "flow_message_version", 8)?;
    Ok(format!(
        "[{}]",
        required(parameters, "parameters", "flow_cta", 30)?
    ))
}

fn list<'a>(parent: &'a Value, key: &str) -> Result<&'a [Value], Refusal> {
    let list = parent.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice)
        .ok_or_else(|| Refusal::missing(&format!("[\"{key}\"]")))
}
