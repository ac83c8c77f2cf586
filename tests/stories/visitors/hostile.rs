//! What people of ill will, or careless programs, hand to the functions about people: never an error that is ours to mend.

use anyhow::Result;
use pg_chat_tests::Refusal;

use crate::scene::Scene;

/// Texts that broke somebody's program once.
const TEXTS: &[&str] = &[
    "''",
    "repeat('x', 10000000)",
    r"E'\u202E\u2066\u200F\u0001\u001B[31m'",
    r"'''; drop table mod_chat_visitors; --'",
    r"'%s%n{}{{0}}\\'",
    r#"'"><script>alert(1)</script>'"#,
    "'NaN'",
    "'../../etc/passwd'",
    "E'\\uFFFD\\U0010FFFF'",
];

/// JSON that goes deep, wide, or is of another kind than expected.
const JSONS: &[&str] = &[
    "'null'",
    "'7'",
    "'[]'",
    "'\"x\"'",
    "'{\"\": null}'",
    "(repeat('[', 3000) || repeat(']', 3000))::jsonb",
    "(repeat('{\"a\":', 3000) || '1' || repeat('}', 3000))::jsonb",
    "jsonb_build_object('x', repeat('x', 10000000))",
    "(select jsonb_object_agg(n::text, n) from generate_series(1, 100000) n)",
    "'{\"url\": {\"url\": []}, \"title\": 1e400, \"referrer\": true}'",
];

/// An answer is fine; a refusal has to be one of ours, with its code and the way out.
fn fine(call: &str, answer: Result<Vec<serde_json::Value>, sqlx::Error>) {
    let Err(error) = answer else { return };
    let refusal = Refusal::of(&error).unwrap_or_else(|| panic!("{call}: {error}"));
    assert!(
        refusal.sqlstate.starts_with("PT4")
            && refusal.detail.is_some_and(|code| code.starts_with("chat/"))
            && refusal.hint.is_some_and(|hint| !hint.is_empty())
            && refusal.message.len() < 500,
        "{call}: {} {:.200}",
        refusal.sqlstate,
        refusal.message
    );
}

#[tokio::test]
async fn texts_of_any_kind_are_answered_or_refused_with_a_code() -> Result<()> {
    let scene = Scene::open().await?;
    let (site, zoe) = (scene.site.id, scene.site.visitor("Zoe").await?);
    for text in TEXTS {
        for call in [
            format!("chat_block_visitor('{zoe}', {text})"),
            format!("chat_block_address('{site}', {text})"),
            format!("chat_block_address('{site}', '192.0.2.1', {text})"),
            format!("chat_tag_visitor('{zoe}', array[{text}])"),
            format!("chat_tag_visitor('{zoe}', array_fill({text}::text, '{{3}}'), array[{text}])"),
            format!("chat_set_custom_data('{zoe}', jsonb_build_object({text}, {text}))"),
        ] {
            fine(&call, scene.as_boss(&format!("select {call}")).await);
        }
        for column in ["name", "email", "phone", "avatar_url", "notes"] {
            let patch = format!(
                "update mod_chat_visitors set {column} = {text} where id = '{zoe}' returning id"
            );
            fine(&patch, scene.as_boss(&patch).await);
        }
    }
    Ok(())
}

#[tokio::test]
async fn json_of_any_shape_is_answered_or_refused_with_a_code() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    let session = scene.site.session(&scene.db).await?;
    for json in JSONS {
        let change = format!("select chat_set_custom_data('{zoe}', {json})");
        fine(&change, scene.as_boss(&change).await);
        let patch = format!(
            "update mod_chat_visitors set custom_data = {json} where id = '{zoe}' returning id"
        );
        fine(&patch, scene.as_boss(&patch).await);
        let mut visitor = scene.db.as_visitor(&session).await?;
        let page = format!("select chat_set_page({json})");
        fine(&page, visitor.rows(&page).await);
    }
    Ok(())
}

/// Whatever a client leaves out.
#[tokio::test]
async fn nulls_are_answered_or_refused_with_a_code() -> Result<()> {
    let scene = Scene::open().await?;
    let (site, zoe) = (scene.site.id, scene.site.visitor("Zoe").await?);
    for call in [
        "chat_person(null)".to_owned(),
        "chat_visits(null)".to_owned(),
        format!("chat_visits('{zoe}', null)"),
        "chat_live_visitors(null)".to_owned(),
        format!("chat_live_visitors('{site}', null)"),
        format!("chat_live_visitors('{site}', 300, null)"),
        "chat_merge_visitors(null, null)".to_owned(),
        format!("chat_merge_visitors('{zoe}', null)"),
        "chat_unmerge_visitor(null)".to_owned(),
        "chat_block_visitor(null)".to_owned(),
        format!("chat_block_address('{site}', null)"),
        "chat_block_address(null, '192.0.2.1')".to_owned(),
        "chat_unblock(null)".to_owned(),
        "chat_blocks(null)".to_owned(),
        format!("chat_tag_visitor('{zoe}', null, null)"),
        format!("chat_tag_visitor('{zoe}', array[null], array[null])"),
        format!("chat_set_custom_data('{zoe}', null)"),
        "chat_export_visitor(null)".to_owned(),
        "chat_erase_visitor(null)".to_owned(),
        "chat_erasures(null)".to_owned(),
    ] {
        fine(&call, scene.as_boss(&format!("select {call}")).await);
    }
    let tags = scene.visitor_now(zoe).await?["tags"].clone();
    assert_eq!(tags, serde_json::json!([]), "a null is no tag");
    Ok(())
}
