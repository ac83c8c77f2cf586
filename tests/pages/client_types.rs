//! web/client/src/database.ts: the rows and words of the database in TypeScript, under LC-01's names.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Column, Function, Relation};

/// Interfaces that have a name of their own, in the order of the file.
const INTERFACES: &[(&str, &str)] = &[
    ("mod_chat_departments", "ChatDepartment"),
    ("mod_chat_agents", "ChatAgent"),
    ("mod_chat_widget_settings", "ChatWidgetSettings"),
    ("mod_chat_visitors", "ChatVisitor"),
    ("mod_chat_conversations", "ChatConversation"),
    ("mod_chat_messages", "ChatMessage"),
    ("mod_chat_canned_responses", "CannedResponse"),
    ("mod_chat_knowledge_base", "KnowledgeBaseArticle"),
    ("mod_chat_analytics", "ChatAnalytics"),
    ("chat_conversation_list", "ConversationListItem"),
];

/// Names of the words a column may hold: by domain, or by table and column.
const UNIONS: &[(&str, &str)] = &[
    ("mod_chat_agents.role", "AgentRole"),
    ("mod_chat_agents.status", "AgentStatus"),
    ("conversation_status", "ConversationStatus"),
    ("priority", "ConversationPriority"),
    ("channel", "ConversationChannel"),
    ("mod_chat_visitors.channel", "VisitorChannel"),
    ("sender_type", "MessageSenderType"),
    ("content_type", "MessageContentType"),
    ("message_status", "MessageStatus"),
    ("mod_chat_widget_settings.position", "WidgetPosition"),
];

/// What a column holds that is more than its SQL type says.
const SHAPES: &[(&str, &str)] = &[
    (
        "mod_chat_widget_settings.business_hours",
        "BusinessHoursConfig",
    ),
    ("mod_chat_departments.business_hours", "BusinessHoursConfig"),
    (
        "mod_chat_widget_settings.custom_translations",
        "Record<string, string>",
    ),
    ("chat_saved_views.filters", "ConversationFilters"),
    ("chat_my_messages.reactions", "VisitorReaction[]"),
];

/// What an argument holds that is more than jsonb.
const ARGUMENTS: &[(&str, &str)] = &[("filters", "ConversationFilters")];

/// What a function answers that is more than jsonb.
const ANSWERS: &[(&str, &str)] = &[
    ("chat_changes", "ConversationChanges"),
    ("chat_counts", "ConversationCounts"),
    ("chat_end", "ChatMyConversations"),
    ("chat_file_url", "FileAddress"),
    ("chat_heartbeat", "Heartbeat"),
    ("chat_identify", "OpenedSession"),
    ("chat_open_session", "OpenedSession"),
    ("chat_post_message", "ChatMyMessages"),
    ("chat_queue_position", "QueuePosition"),
    ("chat_rate", "ChatMyConversations"),
    ("chat_read", "ReadCursor"),
    ("chat_request_upload", "UploadPlace"),
    ("chat_submit_form", "SubmittedForm"),
    ("chat_typing", "TypingShown"),
    ("chat_widget_config", "WidgetConfig"),
    ("chat_worker_key", "WorkerKey"),
];

/// Columns of views that are never null; the catalog does not know it of views.
const NEVER_NULL: &[(&str, &[&str])] = &[
    (
        "chat_conversation_list",
        &[
            "id",
            "channel",
            "status",
            "priority",
            "unread_count",
            "tags",
            "created_at",
            "site_id",
            "visitor_id",
            "last_change",
            "is_open",
            "sort_at",
        ],
    ),
    (
        "chat_my_conversations",
        &[
            "id",
            "site_id",
            "visitor_id",
            "status",
            "channel",
            "last_public_seq",
            "last_public_change",
            "unread_visitor_count",
            "has_agent",
            "created_at",
        ],
    ),
    (
        "chat_my_messages",
        &[
            "id",
            "conversation_id",
            "site_id",
            "public_seq",
            "change",
            "change_before",
            "sender_type",
            "content_type",
            "kind",
            "status",
            "sent_at",
            "reactions",
            "created_at",
            "updated_at",
        ],
    ),
    (
        "chat_saved_views",
        &[
            "id",
            "site_id",
            "name",
            "filters",
            "is_shared",
            "is_mine",
            "sort_order",
            "created_at",
            "updated_at",
        ],
    ),
];

/// Rows that a select may bring along, by the embeds of PostgREST.
const JOINED: &[(&str, &[(&str, &str)])] = &[(
    "mod_chat_conversations",
    &[
        ("visitor", "ChatVisitor"),
        ("assignedAgent", "ChatAgent"),
        ("department", "ChatDepartment"),
    ],
)];

/// The file.
pub fn file(functions: &[Function], relations: &[Relation]) -> Result<String> {
    let mut unions = Vec::new();
    let mut interfaces = String::new();
    for relation in ordered(relations) {
        interfaces += &interface(relation, &mut unions);
    }
    let mut file = String::from(
        "// The rows and words of the database, with LC-01's names: columns in camelCase, as mapRecord gives them.\n\
         // Written by `cargo x types` from the catalog. What the catalog does not know stands in shapes.ts.\n\n\
         import type {\n",
    );
    let mut shapes: BTreeSet<&str> = SHAPES
        .iter()
        .chain(ARGUMENTS)
        .chain(ANSWERS)
        .map(|(_, shape)| shape.trim_end_matches("[]"))
        .filter(|shape| !shape.starts_with("Record<"))
        .collect();
    shapes.retain(|shape| {
        !relations
            .iter()
            .any(|relation| interface_name(&relation.name) == *shape)
    });
    for shape in shapes {
        file += &format!("  {shape},\n");
    }
    file += "} from './shapes.js'\n\n";
    for (name, words) in unions {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        file += &format!("export type {name} = {}\n", words.join(" | "));
    }
    Ok(file + &interfaces + &tables(relations) + &calls(functions)?)
}

/// Those with a name first, in its order, then the others by name.
fn ordered(relations: &[Relation]) -> Vec<&Relation> {
    let named = INTERFACES
        .iter()
        .filter_map(|(table, _)| relations.iter().find(|relation| relation.name == *table));
    let others = relations
        .iter()
        .filter(|relation| !INTERFACES.iter().any(|(table, _)| relation.name == *table));
    named.chain(others).collect()
}

/// The interface of a relation's rows.
fn interface_name(relation: &str) -> String {
    let named = INTERFACES.iter().find(|(table, _)| *table == relation);
    named.map_or_else(
        || pascal(relation.trim_start_matches("mod_")),
        |(_, name)| (*name).to_owned(),
    )
}

fn interface<'a>(relation: &'a Relation, unions: &mut Vec<(String, &'a [String])>) -> String {
    let mut text = format!(
        "\n/** {} */\nexport interface {} {{\n",
        relation.says,
        interface_name(&relation.name)
    );
    let never = NEVER_NULL
        .iter()
        .find(|(view, _)| *view == relation.name)
        .map_or(&[] as &[&str], |(_, columns)| columns);
    for column in &relation.columns {
        let kind = column_type(relation, column, unions);
        let nullable = column.nullable && !never.contains(&column.name.as_str());
        if let Some(says) = &column.says {
            text += &format!("  /** {} */\n", says.replace("*/", "* /"));
        }
        text += &format!(
            "  {}: {kind}{}\n",
            camel(&column.name),
            if nullable { " | null" } else { "" }
        );
    }
    for (name, kind) in JOINED
        .iter()
        .filter(|(table, _)| *table == relation.name)
        .flat_map(|(_, joined)| *joined)
    {
        text += &format!("  {name}?: {kind}\n");
    }
    text + "}\n"
}

fn column_type<'a>(
    relation: &'a Relation,
    column: &'a Column,
    unions: &mut Vec<(String, &'a [String])>,
) -> String {
    let place = format!("{}.{}", relation.name, column.name);
    if let Some((_, shape)) = SHAPES.iter().find(|(column, _)| *column == place) {
        return (*shape).to_owned();
    }
    let Some(words) = column.words.as_deref() else {
        return plain_type(&column.sql).to_owned();
    };
    let name = UNIONS
        .iter()
        .find(|(at, _)| *at == place)
        .or_else(|| {
            UNIONS
                .iter()
                .find(|(domain, _)| column.domain.as_deref() == Some(domain))
        })
        .map(|(_, name)| (*name).to_owned())
        .unwrap_or_else(|| match &column.domain {
            Some(domain) => pascal(domain),
            None => pascal(&format!(
                "{}_{}",
                relation.name.trim_start_matches("mod_"),
                column.name
            )),
        });
    if !unions.iter().any(|(known, _)| *known == name) {
        unions.push((name.clone(), words));
    }
    name
}

/// What PostgREST's JSON makes of an SQL type.
fn plain_type(sql: &str) -> &'static str {
    match sql {
        "boolean" => "boolean",
        "smallint" | "integer" | "bigint" => "number",
        "jsonb" | "json" => "Record<string, unknown>",
        "uuid[]" | "text[]" => "string[]",
        number if number.starts_with("numeric") || number == "double precision" => "number",
        _ => "string",
    }
}

/// Which rows a table or view has.
fn tables(relations: &[Relation]) -> String {
    let mut text = String::from(
        "\n/** What a table or view holds, row by row. */\nexport interface ChatTables {\n",
    );
    for relation in ordered(relations) {
        text += &format!("  {}: {}\n", relation.name, interface_name(&relation.name));
    }
    text + "}\n"
}

/// Arguments and answers of the functions, as `rpc` takes them.
fn calls(functions: &[Function]) -> Result<String> {
    let outside = ["anon", "authenticated"];
    let mut calls: BTreeMap<&str, (String, String)> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for function in functions.iter().filter(|function| {
        function.schema == "public"
            && function
                .roles
                .iter()
                .any(|role| outside.contains(&role.as_str()))
    }) {
        let mut arguments = Vec::new();
        for argument in split_arguments(&function.arguments) {
            let (declared, default) = argument
                .split_once(" DEFAULT ")
                .map_or((argument.as_str(), None), |(a, b)| (a, Some(b)));
            let (name, sql) = declared
                .split_once(' ')
                .context("an argument has a name and a type")?;
            let shape = ARGUMENTS.iter().find(|(argument, _)| *argument == name);
            let kind = match (shape, sql) {
                (Some((_, shape)), _) => shape,
                (None, "jsonb") => "unknown",
                (None, other) => plain_type(other),
            };
            let null = if default.is_some_and(|value| value.starts_with("NULL")) {
                " | null"
            } else {
                ""
            };
            arguments.push(format!(
                "{name}{}: {kind}{null}",
                if default.is_some() { "?" } else { "" }
            ));
        }
        let shape = ANSWERS.iter().find(|(name, _)| *name == function.name);
        let answer = match function.returns.as_str() {
            "jsonb" => shape.map_or("unknown", |(_, shape)| shape).to_owned(),
            "SETOF jsonb" => "unknown[]".to_owned(),
            "void" => "null".to_owned(),
            rows if rows.starts_with("SETOF ") => {
                format!(
                    "{}[]",
                    interface_name(
                        rows.trim_start_matches("SETOF ")
                            .trim_start_matches("public.")
                    )
                )
            }
            value => plain_type(value).to_owned(),
        };
        let arguments = if arguments.is_empty() {
            "Record<string, never>".to_owned()
        } else {
            format!("{{ {} }}", arguments.join("; "))
        };
        if calls.insert(&function.name, (arguments, answer)).is_some() {
            twice.insert(&function.name);
        }
    }
    anyhow::ensure!(twice.is_empty(), "rpc cannot tell apart: {twice:?}");
    let mut text = String::from(
        "\n/** What `rpc` takes and answers; rows are as mapRecords gives them. docs/sql-api.md says what each does. */\n\
         export interface ChatFunctions {\n",
    );
    for (name, (arguments, answer)) in calls {
        text += &format!("  {name}: {{ args: {arguments}; returns: {answer} }}\n");
    }
    Ok(text + "}\n")
}

/// Arguments one by one; commas within parentheses or quotes belong to them.
fn split_arguments(arguments: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0, false);
    let mut found = vec![String::new()];
    for c in arguments.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("there is always one").push(c);
    }
    found
        .iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}

fn pascal(snake: &str) -> String {
    snake
        .split('_')
        .map(|word| {
            word.chars()
                .enumerate()
                .map(|(n, c)| if n == 0 { c.to_ascii_uppercase() } else { c })
                .collect::<String>()
        })
        .collect()
}

fn camel(snake: &str) -> String {
    let pascal = pascal(snake);
    pascal
        .chars()
        .enumerate()
        .map(|(n, c)| if n == 0 { c.to_ascii_lowercase() } else { c })
        .collect()
}
