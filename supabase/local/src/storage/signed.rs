//! Addresses that open one file for whoever has them, for a while: HS256 by the
//! project's secret over the file's path.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::objects::{self, As};
use super::{Refusal, Storage, rows};

/// Seconds in which a signed upload has to begin, as Storage has it.
const UPLOAD_SECONDS: i64 = 7_200;

/// What an address may carry in its token.
#[derive(Clone, Deserialize)]
struct Claims {
    url: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    upsert: bool,
    /// Only in those for an upload.
    #[serde(default)]
    upload: bool,
}

/// `?token=`
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
}

/// `{"expiresIn": 60}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wanted {
    expires_in: i64,
    #[serde(default)]
    paths: Vec<String>,
}

impl Storage {
    fn signed(&self, what: &str, bucket: &str, path: &str, claims: Value, seconds: i64) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = claims;
        claims["url"] = json!(format!("{bucket}/{path}"));
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + seconds);
        let token = self.secret.sign(&claims);
        format!("/object/{what}/{bucket}/{path}?token={token}")
    }

    /// The claims of a token that was signed for this very file.
    fn opened(&self, token: &str, bucket: &str, path: &str) -> Result<Claims, Refusal> {
        let claims: Claims = self.secret.verify(token).ok_or(Refusal::BadJwt)?;
        if claims.url == format!("{bucket}/{path}") {
            Ok(claims)
        } else {
            Err(Refusal::BadSignature)
        }
    }
}

/// `POST /object/sign/{bucket}/{path}`: for who may read the file.
pub(super) async fn sign(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Refusal> {
    rows::find(&caller, &storage.pool, &bucket, &path).await?;
    let url = storage.signed("sign", &bucket, &path, json!({}), wanted.expires_in);
    Ok(Json(json!({ "signedURL": url })))
}

/// `POST /object/sign/{bucket}`: for several files, each with its own answer.
pub(super) async fn sign_many(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Refusal> {
    let mut answers = Vec::with_capacity(wanted.paths.len());
    for path in &wanted.paths {
        answers.push(
            match rows::find(&caller, &storage.pool, &bucket, path).await {
                Ok(_) => {
                    let url = storage.signed("sign", &bucket, path, json!({}), wanted.expires_in);
                    json!({ "error": null, "path": path, "signedURL": url })
                }
                Err(Refusal::NoSuchObject) => {
                    let error = "Either the object does not exist or you do not have access to it";
                    json!({ "error": error, "path": path, "signedURL": null })
                }
                Err(error) => return Err(error),
            },
        );
    }
    Ok(Json(Value::Array(answers)))
}

/// `GET /object/sign/{bucket}/{path}?token=`
pub(super) async fn download(
    State(storage): State<Arc<Storage>>,
    Path((bucket, path)): Path<(String, String)>,
    Query(Token { token }): Query<Token>,
    Query(shown): Query<As>,
) -> Result<Response, Refusal> {
    if storage.opened(&token, &bucket, &path)?.upload {
        return Err(Refusal::BadSignature);
    }
    let object = rows::find(&Caller::itself(), &storage.pool, &bucket, &path).await?;
    objects::serve(&storage, &object, &shown).await
}

/// `POST /object/upload/sign/{bucket}/{path}`: for who may put a file there, which is
/// tried and taken back.
pub(super) async fn sign_upload(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let upsert = headers.get("x-upsert").is_some_and(|value| value == "true");
    let mut transaction = caller.begin(&storage.pool).await?;
    let new = rows::New {
        bucket: &bucket,
        path: &path,
        owner: caller.user(),
        version: "tried",
        size: 0,
        mime_type: "application/octet-stream",
        cache_control: "no-cache",
    };
    if upsert {
        rows::upsert(&mut transaction, &new).await?;
    } else {
        rows::insert(&mut transaction, &new).await?;
    }
    transaction.rollback().await?;
    let claims = json!({ "upload": true, "upsert": upsert, "owner": caller.user() });
    let url = storage.signed("upload/sign", &bucket, &path, claims, UPLOAD_SECONDS);
    let token = url.split_once("token=").map(|(_, token)| token);
    Ok(Json(json!({ "url": url, "token": token })))
}

/// `PUT /object/upload/sign/{bucket}/{path}?token=`
pub(super) async fn upload(
    State(storage): State<Arc<Storage>>,
    Path((bucket, path)): Path<(String, String)>,
    Query(Token { token }): Query<Token>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let claims = storage.opened(&token, &bucket, &path)?;
    if !claims.upload {
        return Err(Refusal::BadSignature);
    }
    let caller = Caller::itself_for(claims.owner);
    objects::keep(&storage, &caller, &bucket, &path, request, claims.upsert).await
}
