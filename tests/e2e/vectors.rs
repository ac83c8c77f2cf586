//! Every webhook body of tests/vectors/webhooks, posted. What the parser makes of it is expected there and tested beside the
//! parser; what the tables make of that is tested here.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use chat_rules::whatsapp::{About, Item, What, parse};
use jiff::Timestamp;
use local_stack::graph::{signature, wire};
use pg_chat_tests::Refusal;
use pg_chat_tests::graph::APP_SECRET;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::repository;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::stage::{NUMBER, Stage};

/// A body, as JSON or byte for byte.
#[derive(Deserialize)]
struct Vector {
    body: Option<Value>,
    body_text: Option<String>,
}

impl Vector {
    fn bytes(&self) -> Result<Vec<u8>> {
        match (&self.body, &self.body_text) {
            (Some(body), None) => Ok(wire(body)),
            (None, Some(text)) => Ok(text.clone().into_bytes()),
            _ => anyhow::bail!("a vector has either body or body_text"),
        }
    }
}

/// Names and bodies of all vectors.
fn vectors() -> Result<Vec<(String, Vec<u8>)>> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(repository().join("tests/vectors/webhooks"))? {
        let path = entry?.path();
        let name = path.display().to_string();
        let vector: Vector =
            serde_json::from_slice(&fs::read(&path)?).with_context(|| name.clone())?;
        vectors.push((name, vector.bytes()?));
    }
    Ok(vectors)
}

/// The numbers that these bodies speak of.
pub fn numbers_of<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Result<BTreeSet<String>> {
    let mut numbers = BTreeSet::new();
    for body in bodies {
        numbers.extend(
            parse(body)?
                .into_iter()
                .filter_map(|item| item.phone_number_id),
        );
    }
    Ok(numbers)
}

/// Accounts that fields in these bodies speak of, each with the numbers it is told about: as they read, or Meta's id.
pub fn accounts_of<'a>(
    bodies: impl IntoIterator<Item = &'a [u8]>,
) -> Result<BTreeSet<(String, String)>> {
    let mut accounts = BTreeSet::new();
    for body in bodies {
        for item in parse(body)? {
            if let (Some(_), Some(account)) = (item.about, item.waba_id) {
                let shown = item.facts.get("display_number").and_then(Value::as_str);
                let number = item.phone_number_id.or(shown.map(str::to_owned));
                accounts.insert((account, number.unwrap_or_default()));
            }
        }
    }
    Ok(accounts)
}

/// For a worker whose tables are emptied under it: it begins nothing by itself.
pub const NO_TICK: [(&str, &str); 1] = [("CHAT_QUEUE_TICK_MS", "0")];

fn is_deadlock(error: &sqlx::Error) -> bool {
    Refusal::of(error).is_some_and(|refusal| refusal.sqlstate == "40P01")
}

/// Empties these tables and all that refer to them, without their triggers. A truncate would make two hundred files anew,
/// and everybody plan anew, for the few rows that one body brings. That agents have nobody any more is told as usual.
const FORGET: &str = "do $$
    declare emptied regclass;
    begin
        set local session_replication_role = replica;
        for emptied in
            with recursive emptied(id) as (
                select unnest(array['public.mod_chat_visitors', 'chat.orphan_statuses', 'chat.dead_letters',
                    'chat.whatsapp_told']::regclass[])
                union
                select k.conrelid from emptied e join pg_constraint k on k.confrelid = e.id and k.contype = 'f')
            select id from emptied
        loop
            execute format('delete from %s', emptied);
        end loop;
        set local session_replication_role = origin;
        update public.mod_chat_agents set current_chat_count = 0;
    end $$";

impl Stage {
    /// Nobody ever wrote. The worker may be at a job of theirs and wait for the next of these tables: then it is asked again.
    pub async fn forget_everybody(&self) -> Result<()> {
        while let Err(error) = sqlx::raw_sql(FORGET).execute(self.db.superuser()).await {
            ensure!(is_deadlock(&error), error);
        }
        Ok(())
    }

    /// The site has these accounts and numbers too, all confirmed.
    pub async fn know_accounts(&self, accounts: &BTreeSet<(String, String)>) -> Result<()> {
        for (account, number) in accounts {
            let known = format!(
                "with account as (
                    insert into chat.whatsapp_accounts as a (site_id, app_id, waba_id)
                    select n.site_id, x.app_id, '{account}' from chat.whatsapp_numbers n
                    join chat.whatsapp_accounts x on x.id = n.account_id
                    where n.phone_number_id = '{NUMBER}'
                    on conflict (site_id, waba_id) do update set waba_id = a.waba_id
                    returning id, site_id)
                insert into chat.whatsapp_numbers as n (site_id, account_id, phone_number_id, display_number, confirmed_at)
                select site_id, id, coalesce(nullif('{number}', ''), 'a number of {account}'), '{number}', now()
                from account
                on conflict (site_id, phone_number_id) do update set account_id = excluded.account_id"
            );
            self.db.as_owner(&known).await?;
        }
        Ok(())
    }

    /// Where an item of a body went.
    async fn assert_kept(&self, item: &Item) -> Result<()> {
        let wamid = item.wamid.as_deref().unwrap_or_default();
        let reason = match item.what {
            What::Field
                if matches!(
                    item.about,
                    Some(About::Person | About::Preference | About::Contact)
                ) =>
            {
                return Ok(());
            }
            What::Field if item.about == Some(About::History) => {
                let shown = "chat.whatsapp_numbers where details ? 'history'";
                ensure!(self.db.count(shown).await? > 0, "the number shows it");
                return Ok(());
            }
            What::Field if item.about.is_some() => {
                let field = item.field.as_deref().unwrap_or_default();
                let kept = format!("chat.whatsapp_told where field = '{field}'");
                ensure!(self.db.count(&kept).await? == 1, "{field} is kept once");
                return Ok(());
            }
            What::Field => item.reason.context("a field has a reason")?,
            _ if item.phone_number_id.is_none() => "no_phone_number_id",
            What::Message if item.identity_key().is_empty() => "no_sender",
            What::History if item.identity_key().is_empty() && item.file.is_some() => {
                let waits =
                    format!("chat.orphan_statuses where wamid = '{wamid}' and status = 'file'");
                ensure!(
                    self.db.count(&waits).await? == 1,
                    "the file waits for its message"
                );
                return Ok(());
            }
            What::Echo | What::History if item.identity_key().is_empty() => "no_person",
            What::Message | What::Echo | What::History => {
                return self.assert_shown(&serde_json::to_value(item)?).await;
            }
            What::Status => {
                let word = item.status.as_deref().unwrap_or_default();
                let status =
                    format!("chat.orphan_statuses where wamid = '{wamid}' and status = '{word}'");
                let is_applied =
                    format!("public.mod_chat_messages where whatsapp_message_id = '{wamid}'");
                let kept = self.db.count(&status).await? + self.db.count(&is_applied).await?;
                ensure!(kept == 1, "the status {word} waits for its message");
                return Ok(());
            }
        };
        let letter = format!("chat.dead_letters where reason = '{reason}'");
        ensure!(
            self.db.count(&letter).await? > 0,
            "it is kept aside for {reason}"
        );
        Ok(())
    }

    /// A message's row says what its item says.
    async fn assert_shown(&self, item: &Value) -> Result<()> {
        let wamid = item["wamid"].as_str().context("a message has a wamid")?;
        let row = self
            .db
            .row(&format!(
                "select * from public.mod_chat_messages where whatsapp_message_id = '{wamid}'"
            ))
            .await?;
        // A reaction to a message we do not have is a placeholder.
        let kind = if item["kind"] == "reaction" {
            "unsupported"
        } else {
            item["kind"].as_str().context("kind")?
        };
        ensure!(
            row["kind"] == kind,
            "its kind is {}, not {kind}",
            row["kind"]
        );
        ensure!(
            row["content"] == item["content"],
            "its content is {}",
            row["content"]
        );
        if kind != "unsupported" {
            ensure!(
                row["content_type"] == item["content_type"],
                "its content_type is {}",
                row["content_type"]
            );
        }
        if let Some(at) = item["at"]
            .as_str()
            .map(str::parse::<Timestamp>)
            .transpose()?
        {
            let sent: Timestamp = row["sent_at"].as_str().context("sent_at")?.parse()?;
            ensure!(
                sent == at || at > Timestamp::now(),
                "it was sent at {sent}, not {at}"
            );
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_vector_is_taken_and_kept_as_expected() -> Result<()> {
    let vectors = vectors()?;
    ensure!(!vectors.is_empty(), "there are no vectors");
    let numbers = numbers_of(vectors.iter().map(|(_, body)| body.as_slice()))?;
    let stage = Stage::open_for(&numbers, &NO_TICK).await?;
    let accounts = accounts_of(vectors.iter().map(|(_, body)| body.as_slice()))?;
    stage.know_accounts(&accounts).await?;
    let mut wrong = Vec::new();
    for (name, body) in vectors {
        stage.forget_everybody().await?;
        let signed = signature(APP_SECRET, &body);
        for time in ["at first", "again"] {
            let answer = stage.worker.post_bytes(body.clone(), &signed).await?;
            if answer != StatusCode::OK {
                wrong.push(format!("{name}: {answer} {time}"));
            }
        }
        for item in parse(&body)? {
            if let Err(error) = stage.assert_kept(&item).await {
                wrong.push(format!("{name}: {error:#} ({item:?})"));
            }
        }
        assert_counters_equal_recount(&stage.db)
            .await
            .with_context(|| name.clone())?;
    }
    ensure!(
        wrong.is_empty(),
        "{} are wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(())
}
