//! Pages and types that are written from the catalog are what it gives, and each error they name is tried by a test.

mod catalog;
mod client_types;
mod errors;
mod sql_api;
mod written;

use anyhow::{Result, ensure};
use pg_chat_tests::TestDb;

use written::Which;

#[tokio::test]
async fn the_pages_are_what_the_catalog_gives() -> Result<()> {
    let db = TestDb::new().await?;
    written::check(&written::files(&db, Which::Docs).await?, "cargo x docs")
}

#[tokio::test]
async fn the_types_are_what_the_catalog_gives() -> Result<()> {
    let db = TestDb::new().await?;
    written::check(&written::files(&db, Which::Types).await?, "cargo x types")
}

#[tokio::test]
async fn every_error_is_tried_by_a_test() -> Result<()> {
    let db = TestDb::new().await?;
    let codes = errors::codes(&catalog::functions(&db).await?)?;
    ensure!(codes.len() > 20, "only {} codes were found", codes.len());
    let untried = untried(codes.keys())?;
    ensure!(
        untried.is_empty(),
        "no test tries:\n  {}",
        untried.join("\n  ")
    );
    Ok(())
}

/// Codes that neither a test nor a vector names.
fn untried<'a>(codes: impl Iterator<Item = &'a String>) -> Result<Vec<&'a str>> {
    let tests: Vec<String> = catalog::files("tests", ".rs")?
        .into_iter()
        .chain(catalog::files("tests/vectors", ".json")?)
        .filter(|(path, _)| !path.starts_with("tests/pages/"))
        .map(|(_, text)| text)
        .collect();
    let goes_on = |rest: &str| rest.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let tried = |code: &str| {
        tests.iter().any(|text| {
            text.match_indices(code)
                .any(|(at, _)| !goes_on(&text[at + code.len()..]))
        })
    };
    Ok(codes
        .map(String::as_str)
        .filter(|code| !tried(code))
        .collect())
}

#[tokio::test]
async fn every_error_says_its_status_what_is_wrong_and_a_way_out() -> Result<()> {
    let db = TestDb::new().await?;
    for (code, said) in errors::codes(&catalog::functions(&db).await?)? {
        ensure!(
            !said.states.is_empty() && !said.messages.is_empty() && !said.hints.is_empty(),
            "{code} says too little: {said:?}"
        );
    }
    Ok(())
}

/// LC-01's Task 2: a dashboard that is written against these names compiles against ours.
#[test]
fn every_type_of_lc01_has_its_name() -> Result<()> {
    let written: String = catalog::files("web/client/src", ".ts")?
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    for name in [
        "AgentRole",
        "AgentStatus",
        "ConversationStatus",
        "ConversationPriority",
        "ConversationChannel",
        "MessageSenderType",
        "MessageContentType",
        "MessageStatus",
        "WidgetPosition",
        "VisitorChannel",
        "ChatDepartment",
        "ChatAgent",
        "ChatWidgetSettings",
        "BusinessHoursConfig",
        "DayHours",
        "ChatVisitor",
        "ChatConversation",
        "ChatMessage",
        "CannedResponse",
        "KnowledgeBaseArticle",
        "ChatAnalytics",
        "ConversationFilters",
        "ChatOverviewStats",
        "AgentPerformanceData",
        "ConversationListItem",
        "RealtimeMessage",
        "PresenceState",
        "WhatsAppWebhookPayload",
        "WhatsAppEntry",
        "WhatsAppChange",
        "WhatsAppIncomingMessage",
        "WhatsAppMessageStatus",
        "WhatsAppTemplateMessage",
        "WhatsAppTemplateComponent",
    ] {
        let declared =
            |kind: &str, next: char| written.contains(&format!("export {kind} {name}{next}"));
        ensure!(
            declared("type", ' ') || declared("interface", ' '),
            "there is no type {name}"
        );
    }
    Ok(())
}
