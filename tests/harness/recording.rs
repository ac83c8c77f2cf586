//! What visitors' pages received, frame by frame and answer by answer, and what must not stand in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use uuid::Uuid;

use crate::TestDb;

/// Something that arrived at a visitor's page.
#[derive(Debug, Deserialize)]
pub struct Received {
    /// Which client it was.
    pub who: usize,
    /// `rest` or `socket`.
    pub from: String,
    /// What was asked.
    pub address: String,
    /// All of it.
    pub text: String,
}

/// Everything that arrived at visitors' pages.
#[derive(Debug)]
pub struct Recording(Vec<Received>);

/// Something that no visitor's page may receive, or that of one visitor only.
#[derive(Debug)]
pub struct Secret {
    /// What it is.
    pub what: String,
    /// How it would be recognized.
    pub value: String,
    /// Who may have it.
    pub visitor: Option<Uuid>,
}

/// Everything in a database that visitors may not have, or not all of them: notes, other visitors and what they said,
/// who the agents are, settings outside the public part.
pub async fn secrets_of(db: &TestDb) -> Result<Vec<Secret>> {
    let rows: Vec<(String, String, Option<Uuid>)> = sqlx::query_as(include_str!("secrets.sql"))
        .fetch_all(db.superuser())
        .await?;
    let secrets: Vec<_> = rows
        .into_iter()
        .map(|(what, value, visitor)| Secret {
            what,
            value,
            visitor,
        })
        .collect();
    for secret in &secrets {
        ensure!(
            secret.value.len() >= 8,
            "{} is too short to be recognized: {}",
            secret.what,
            secret.value
        );
    }
    Ok(secrets)
}

impl Recording {
    /// Reads what [`crate::Clients`] wrote.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("nothing was recorded in {}", file.display()))?;
        let received = text.lines().map(serde_json::from_str);
        Ok(Self(received.collect::<Result<_, _>>()?))
    }

    /// What stands in it, tokens opened, and must not: what it is, where it came from, and the first answer or frame that has it.
    /// `visitors`: whose page each client is.
    pub fn leaks(
        &self,
        secrets: &[Secret],
        visitors: &BTreeMap<usize, Uuid>,
    ) -> BTreeMap<(String, String), String> {
        let mut leaks = BTreeMap::new();
        let mut looked = BTreeSet::new();
        for received in &self.0 {
            // Whoever asks again and again is answered the same again and again.
            if !looked.insert((received.who, &received.text)) {
                continue;
            }
            let text = with_tokens_opened(&received.text);
            for secret in secrets {
                let theirs = secret.visitor.is_some()
                    && secret.visitor.as_ref() == visitors.get(&received.who);
                if !theirs && text.contains(&secret.value) {
                    leaks
                        .entry((secret.what.clone(), received.from.clone()))
                        .or_insert_with(|| {
                            format!("`{}` in {}: {}", secret.value, received.address, text)
                        });
                }
            }
        }
        leaks
    }

    /// Fails, naming what leaked.
    pub fn assert_nothing_leaks(
        &self,
        secrets: &[Secret],
        visitors: &BTreeMap<usize, Uuid>,
    ) -> Result<()> {
        let leaks = self.leaks(secrets, visitors);
        let lines = leaks
            .iter()
            .map(|((what, from), found)| format!("{what} by {from}: {found}"));
        let lines: Vec<_> = lines.collect();
        ensure!(
            lines.is_empty(),
            "visitors received what they must not:\n  {}",
            lines.join("\n  ")
        );
        Ok(())
    }

    /// Fails unless a client received each of these.
    pub fn assert_holds(&self, who: usize, from: &str, texts: &[&str]) -> Result<()> {
        for text in texts {
            ensure!(
                self.0
                    .iter()
                    .any(|r| r.who == who && r.from == from && r.text.contains(text)),
                "client {who} never received `{text}` by {from}: the recording is not whole"
            );
        }
        Ok(())
    }

    /// How many frames and answers there are, and how many bytes.
    pub fn size(&self) -> (usize, usize) {
        (self.0.len(), self.0.iter().map(|r| r.text.len()).sum())
    }
}

/// A text, and behind it what its parts say that are words in base64 of either alphabet: claims of tokens above all.
fn with_tokens_opened(text: &str) -> String {
    const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, ANY_PADDING);
    let mut all = text.to_owned();
    for written in [text.to_owned(), text.replace('+', "-").replace('/', "_")] {
        let parts = written
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .filter(|part| part.len() >= 16);
        for words in parts.filter_map(|part| String::from_utf8(ENGINE.decode(part).ok()?).ok()) {
            all.push('\n');
            all.push_str(&words);
        }
    }
    all
}
