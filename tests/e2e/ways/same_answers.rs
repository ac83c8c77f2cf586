//! Every function of the worker's list, called over either way with the same arguments, gives the same answer: argument
//! names, types, nulls, lists and jsonb mean the same in a statement and in a request.

use anyhow::Result;
use chat_worker::db::{
    Db, FUNCTIONS, HeardOf, JobOutcome, ReactionOutcome, Registration, SealedSecret,
};
use chat_worker::jobs::spool::Spooled;
use pg_chat_tests::Number;
use serde_json::json;
use uuid::Uuid;

use super::desk::{Desk, Way};

/// A call's name and what came of it, in words.
type Heard = (&'static str, String);

#[tokio::test]
async fn every_function_gives_the_same_over_either_way() -> Result<()> {
    let mut heard = Vec::new();
    for way in [Way::Connection, Way::Https] {
        let desk = Desk::open(way).await?;
        heard.push(ask_everything(&desk.worker, &desk.number).await?);
    }
    let (over_https, over_connection) = (heard.pop(), heard.pop());
    assert_eq!(over_https, over_connection);
    let asked: Vec<_> = over_https.iter().flatten().map(|(name, _)| *name).collect();
    for signature in FUNCTIONS {
        let name = signature.trim_start_matches("public.");
        let name = name.split_once('(').map_or(name, |(name, _)| name);
        assert!(asked.contains(&name), "{name} was not asked");
    }
    Ok(())
}

/// One call of each function; ids that differ between databases are left out of what it gave.
async fn ask_everything(db: &Db, number: &Number) -> Result<Vec<Heard>> {
    let (nobody, job) = (Uuid::nil(), i64::from(i32::MAX) + 1);
    let mut heard: Vec<Heard> = Vec::new();
    macro_rules! hear {
        ($name:literal, $call:expr) => {
            let said = match $call.await {
                Ok(answer) => format!("{answer:?}"),
                Err(error) => format!("{:?} {:?}", error.failure(), error.sqlstate()),
            };
            heard.push(($name, said));
        };
    }
    let nothing = futures_util::stream::empty::<Result<_, std::io::Error>>();
    let file = Spooled::of(nothing, 1).await?;
    let quotes = json!({"text": "it's \"quoted\" \\ \u{fffd} ✓ ñ", "n": 0.1, "none": null});
    hear!(
        "chat_receive_whatsapp",
        db.receive_whatsapp(number.app, &[])
    );
    hear!("chat_receive_whatsapp", db.receive_whatsapp(nobody, &[]));
    hear!("chat_claim_jobs", db.claim_jobs(0, 0));
    hear!("chat_next_job", db.next_job());
    hear!("chat_renew_lease", db.renew_lease(job, nobody));
    hear!("chat_begin_attempt", db.begin_attempt(job, nobody));
    let accepted = chat_worker::db::AttemptOutcome::Unknown {
        details: "it's \"cut\" ✓".to_owned(),
    };
    hear!(
        "chat_finish_attempt",
        db.finish_attempt(job, nobody, nobody, 1, &accepted)
    );
    hear!(
        "chat_finish_reaction",
        db.finish_reaction(job, nobody, &ReactionOutcome::Done)
    );
    hear!(
        "chat_finish_job",
        db.finish_job(job, nobody, &JobOutcome::Done)
    );
    hear!("chat_begin_media", db.begin_media(job, nobody));
    hear!(
        "chat_media_ready",
        db.media_ready(nobody, "no/path", &file, "image/png")
    );
    hear!(
        "chat_media_failed",
        db.media_failed(nobody, "it's \"gone\" ✓")
    );
    hear!(
        "chat_keep_media_id",
        db.keep_media_id(nobody, &number.phone_number_id, "media")
    );
    hear!("chat_files_to_delete", db.files_to_delete(job, nobody));
    hear!("chat_files_deleted", db.files_deleted(&[]));
    hear!("chat_files_deleted", db.files_deleted(&[job, 2]));
    hear!("chat_give_back_jobs", db.give_back_jobs(&[]));
    hear!("chat_give_back_jobs", db.give_back_jobs(&[nobody, nobody]));
    hear!("chat_tick", async {
        db.tick(10)
            .await
            .map(|ticked| ticked.0.into_keys().collect::<Vec<_>>())
    });
    hear!("chat_register_whatsapp", async {
        let registration = Registration {
            app_name: "another",
            site_id: None,
            waba_id: None,
            phone_number_id: None,
            graph_version: "v26.0",
            app_id: Some("1002"),
        };
        db.register_whatsapp(&registration)
            .await
            .map(|known| (known.account, known.number, known.confirmed))
    });
    hear!("chat_confirm_number", db.confirm_number(nobody, &quotes));
    hear!("chat_begin_template_sync", async {
        db.begin_template_sync(number.account, job)
            .await
            .map(|begun| (begun.pass.is_some(), begun.after))
    });
    hear!(
        "chat_store_templates",
        db.store_templates(number.account, nobody, &[], None)
    );
    hear!("chat_publish_worker_key", async {
        let key = "mVw2hZcVbYqW1B1mC4B0sJrL7k1yR9yJm2b8o1i3kmU=";
        db.publish_worker_key(key, "", false).await
    });
    hear!("chat_publish_worker_key", async {
        db.publish_worker_key("no key", "https://chat.example.com", true)
            .await
    });
    hear!("chat_whatsapp_secrets", async {
        db.whatsapp_secrets("").await.map(|saved| {
            let apps = saved.apps.map(|apps| apps.len());
            (apps, saved.accounts.map(|accounts| accounts.len()))
        })
    });
    hear!("chat_secrets_to_reseal", db.secrets_to_reseal("0", ""));
    hear!("chat_store_resealed", db.store_resealed(&[]));
    hear!("chat_store_resealed", async {
        let secret = SealedSecret {
            what: "app".to_owned(),
            id: nobody,
            sealed: "AA==".to_owned(),
            resealed: "AA==".to_owned(),
        };
        db.store_resealed(&[secret]).await
    });
    hear!(
        "chat_token_in_use",
        db.token_in_use(number.account, "a mark")
    );
    hear!(
        "chat_note_number_test",
        db.note_number_test(nobody, &quotes, None)
    );
    hear!(
        "chat_note_number_test",
        db.note_number_test(nobody, &quotes, Some(&quotes))
    );
    hear!("chat_note_test_send", db.note_test_send(nobody, &quotes));
    hear!("chat_note_webhooks", async {
        let heard = HeardOf {
            app: number.app,
            refused: u64::from(u32::MAX) + 1,
            why: Some("signature"),
            ..HeardOf::default()
        };
        db.note_webhooks(&[heard]).await
    });
    hear!("chat_keep_dead_letter", async {
        let body = br#"{"object":"page","entry":[]}"#;
        let items = chat_rules::whatsapp::parse(body).unwrap_or_default();
        for item in &items {
            db.keep_dead_letter(number.app, "it's \"dead\" ✓", item)
                .await?;
        }
        Ok::<_, chat_worker::db::DbError>(items.len())
    });
    hear!("chat_worker_facts", async {
        let facts = db.facts().await?;
        let numbers: Vec<_> = facts
            .numbers
            .iter()
            .map(|n| n.phone_number_id.clone())
            .collect();
        Ok::<_, chat_worker::db::DbError>((
            facts.version,
            facts.library_version,
            facts.jobs,
            facts.dead_letters,
            numbers,
        ))
    });
    hear!("chat_worker_rights", db.rights());
    Ok(heard)
}

#[tokio::test]
async fn whoever_comes_over_https_is_the_worker_and_nobody_else() -> Result<()> {
    let desk = Desk::open(Way::Https).await?;
    let rights = desk.worker.rights().await?;
    assert_eq!((rights.role.as_str(), rights.bound), ("chat_worker", true));
    assert_eq!((rights.missing, rights.refused), (vec![], vec![]));
    Ok(())
}
