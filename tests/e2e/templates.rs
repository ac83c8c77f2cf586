//! Templates come from Meta page by page, and one reaches a phone whose window is closed.

use anyhow::Result;
use local_stack::graph::{Template, TemplateStatus};
use pg_chat_tests::wait_until;
use serde_json::json;

use crate::stage::{Stage, ZOE};

impl Stage {
    /// Has the templates looked at, and waits until so many are here.
    async fn fetches_templates(&self, count: i64) -> Result<()> {
        self.db
            .as_owner("update chat.template_syncs set due_at = now()")
            .await?;
        wait_until("the templates are here", async || {
            let here = self.db.count("chat.whatsapp_templates").await?;
            let done = self
                .db
                .count("chat.template_syncs where due_at > now() and pass is null and asked_at < complete_at")
                .await?;
            Ok((here == count && done == 1).then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn all_pages_of_templates_are_fetched_and_one_is_sent_to_somebody_new() -> Result<()> {
    let stage = Stage::open().await?;
    // More than two pages of ours, and what Graph would call a page.
    let mut templates: Vec<Template> = (0..120)
        .map(|n| Template::new(&format!("t{n:03}"), "Hi"))
        .collect();
    let order = Template {
        components: vec![
            json!({"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}),
            json!({"type": "BODY", "text": "Hi {{first_name}}, it left."}),
            json!({"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Track", "url": "https://x.example/{{1}}"}]}),
        ],
        named: true,
        ..Template::new("order", "")
    };
    templates.push(order);
    stage.meta().set_templates(templates.clone());
    stage.fetches_templates(121).await?;

    let site = stage
        .db
        .row("select site_id from chat.whatsapp_numbers")
        .await?;
    let call = format!(
        "select * from chat_start_whatsapp({}, '+1 650 555 1234', 'order', parameters =>
            '{{\"header\": \"42\", \"body\": {{\"first_name\": \"Zoe\"}}, \"buttons\": [\"a/42\"]}}')",
        site["site_id"].to_string().replace('"', "'")
    );
    stage.db.desk(stage.ada).rows(&call).await?;
    let sent = stage
        .db
        .row("select id, content from public.mod_chat_messages")
        .await?;
    assert_eq!(sent["content"], "Order 42\nHi Zoe, it left.\n[Track]");
    let message = serde_json::from_value(sent["id"].clone())?;
    stage.once(message, "read").await?;
    assert_eq!(stage.sent_to(ZOE).len(), 1);

    // Meta took one away and paused another: the next look says so.
    templates.truncate(119);
    templates[0].status = TemplateStatus::Paused;
    stage.meta().set_templates(templates);
    stage.fetches_templates(119).await?;
    let paused = "chat.whatsapp_templates where name = 't000' and status = 'PAUSED'";
    assert_eq!(stage.db.count(paused).await?, 1);
    Ok(())
}
