//! Files at Meta: those of phones, which the business downloads, and those that the
//! business uploads to send.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Multipart, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::line::Line;
use super::nodes::{check_version, visible_number};
use super::send::{after, before, broken};
use super::simulator;
use super::tokens::authorize;
use super::{Call, Misbehaviour, Refusal, Simulator, faults};

/// How long an address of a file is good, in milliseconds.
const ADDRESS_MS: i64 = 300_000;

/// Largest file taken, in bytes.
pub(super) const MAX_BYTES: usize = 100 * 1024 * 1024;

/// A file that Meta has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Meta's id of it.
    pub id: String,
    /// What it is said to be.
    pub mime_type: String,
    /// The name it was uploaded with.
    pub name: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
    /// The number that uploaded it; none for a phone's file.
    pub uploaded_by: Option<String>,
}

impl Media {
    /// SHA-256 of the bytes in base64, as webhooks say it.
    pub fn sha256(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.bytes))
    }

    /// The object of a webhook that names it.
    pub fn reference(&self) -> Value {
        json!({ "id": self.id, "mime_type": self.mime_type, "sha256": self.sha256() })
    }
}

impl Simulator {
    /// Puts a phone's file at Meta, said to be of a type, whatever it is.
    pub fn add_media(&self, bytes: impl Into<Bytes>, mime_type: &str) -> Media {
        self.lock().add_media(bytes.into(), mime_type, None, None)
    }

    /// Files that the business uploaded, by their ids.
    pub fn uploads(&self) -> Vec<Media> {
        let state = self.lock();
        let uploaded = |media: &&Media| media.uploaded_by.is_some();
        state.media.values().filter(uploaded).cloned().collect()
    }

    /// Meta forgets a file, as it does after seven days or thirty.
    pub fn forget_media(&self, id: &str) {
        self.lock().media.remove(id);
    }
}

impl simulator::State {
    pub(super) fn add_media(
        &mut self,
        bytes: Bytes,
        mime_type: &str,
        name: Option<String>,
        uploaded_by: Option<String>,
    ) -> Media {
        let media = Media {
            id: self.random_id(),
            mime_type: mime_type.to_owned(),
            name,
            bytes,
            uploaded_by,
        };
        self.media.insert(media.id.clone(), media.clone());
        media
    }
}

/// `GET /{version}/{media_id}`, where that is a file's id.
pub(super) async fn node(
    simulator: &Simulator,
    line: &Line,
    media: &Media,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let fault = faults::take(&mut simulator.lock().faults, Call::Media, &media.id, None);
    before(simulator, line, fault).await?;
    if let Some(answer) = after(simulator, line, fault).await {
        return Ok(answer);
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let url = {
        let mut state = simulator.lock();
        let address = state.random_id();
        let until = state.now_ms() + ADDRESS_MS;
        state
            .addresses
            .insert(address.clone(), (media.id.clone(), until));
        format!("http://{}/files/{address}", host.unwrap_or("127.0.0.1"))
    };
    let size = media.bytes.len() + usize::from(fault == Some(Misbehaviour::LieAboutLength));
    let sha256 = match fault {
        Some(Misbehaviour::LieAboutDigest) => STANDARD.encode(Sha256::digest(b"another file")),
        _ => media.sha256(),
    };
    let answer = json!({
        "messaging_product": "whatsapp", "url": url, "mime_type": media.mime_type,
        "sha256": sha256, "file_size": size.to_string(), "id": media.id,
    });
    Ok(Json(answer).into_response())
}

/// `GET /files/{address}`: the bytes, for whoever has the token.
pub(super) async fn download(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(address): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    authorize(&simulator, &headers, &uri)?;
    let found = {
        let state = simulator.lock();
        let good = state.addresses.get(&address);
        good.filter(|(_, until)| state.now_ms() < *until)
            .and_then(|(id, _)| state.media.get(id).cloned())
    };
    let Some(media) = found else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let fault = faults::take(
        &mut simulator.lock().faults,
        Call::Download,
        &media.id,
        None,
    );
    before(&simulator, &line, fault).await?;
    match fault {
        Some(Misbehaviour::Gone) => return Ok(StatusCode::NOT_FOUND.into_response()),
        Some(Misbehaviour::Redirect { away }) => {
            // The second address is as good as the first; the foreign one is nobody's.
            let to = if away {
                "http://files.example.invalid/stolen".to_owned()
            } else {
                format!("/files/{address}")
            };
            return Ok((StatusCode::FOUND, [(header::LOCATION, to)]).into_response());
        }
        _ => {}
    }
    if let Some(answer) = after(&simulator, &line, fault).await {
        return Ok(answer);
    }
    let mut bytes = media.bytes.to_vec();
    if fault == Some(Misbehaviour::OtherBytes)
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    Ok(([(header::CONTENT_TYPE, media.mime_type)], bytes).into_response())
}

/// `POST /{version}/{phone_number_id}/media`.
pub(super) async fn upload(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((version, phone_number_id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    mut form: Multipart,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    let number = visible_number(&simulator, &token, &phone_number_id)
        .ok_or_else(|| Refusal::no_such_object("post", &phone_number_id))?;
    let (mut product, mut kind, mut file) = (None, None, None);
    let unreadable = |_| Refusal::parameter("The form could not be read.");
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "messaging_product" => product = Some(field.text().await.map_err(unreadable)?),
            "type" => kind = Some(field.text().await.map_err(unreadable)?),
            "file" => {
                let name = field.file_name().map(str::to_owned);
                let mime_type = field.content_type().map(str::to_owned);
                let bytes = field.bytes().await.map_err(unreadable)?;
                file = Some((name, mime_type, bytes));
            }
            _ => drop(field),
        }
    }
    if product.as_deref() != Some("whatsapp") {
        return Err(Refusal::missing("messaging_product"));
    }
    let (name, mime_type, bytes) = file.ok_or_else(|| Refusal::missing("file"))?;
    let mime_type = kind.or(mime_type).ok_or_else(|| Refusal::missing("type"))?;
    let id = &number.phone_number_id;
    let fault = faults::take(&mut simulator.lock().faults, Call::Upload, id, None);
    before(&simulator, &line, fault).await?;
    if let Some(Misbehaviour::BrokenAnswer { http, sent: false }) = fault {
        return Ok(broken(http));
    }
    let media = simulator
        .lock()
        .add_media(bytes, &mime_type, name, Some(id.clone()));
    Ok(after(&simulator, &line, fault)
        .await
        .unwrap_or_else(|| Json(json!({ "id": media.id })).into_response()))
}
