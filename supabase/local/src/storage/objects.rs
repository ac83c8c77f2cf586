//! Files: put, read, listed and deleted by their path in a bucket.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::Caller;
use super::rows::{self, New, Object};
use super::{FILE_SIZE_LIMIT, Refusal, Storage};

/// What a request carries: the bytes, and what they are said to be.
pub(super) struct Upload {
    bytes: Bytes,
    mime_type: String,
    cache_control: String,
    upsert: bool,
}

impl Upload {
    /// From a form (supabase-js with a Blob) or from the plain body (with bytes).
    async fn read(request: Request) -> Result<Self, Refusal> {
        let text = |headers: &HeaderMap, name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let headers = request.headers();
        let mime_type = text(headers, "content-type");
        let upsert = text(headers, "x-upsert").is_some_and(|value| value == "true");
        let cache_control = text(headers, "cache-control").unwrap_or_else(|| "no-cache".to_owned());
        let is_form = mime_type
            .as_deref()
            .is_some_and(|mime| mime.starts_with("multipart/form-data"));
        if !is_form {
            let bytes = Bytes::from_request(request, &())
                .await
                .map_err(|_| Refusal::TooLarge)?;
            return Ok(Self {
                bytes,
                mime_type: mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                cache_control,
                upsert,
            });
        }
        let unreadable = |error: &dyn std::fmt::Display| Refusal::BadRequest(error.to_string());
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|error| unreadable(&error))?;
        let mut upload = None;
        let mut seconds = None;
        while let Some(field) = form
            .next_field()
            .await
            .map_err(|error| unreadable(&error))?
        {
            match field.name().unwrap_or_default() {
                "cacheControl" => {
                    seconds = Some(field.text().await.map_err(|error| unreadable(&error))?);
                }
                "metadata" => drop(field),
                _ => {
                    let mime_type = field.content_type().unwrap_or("application/octet-stream");
                    let mime_type = mime_type.to_owned();
                    let bytes = field.bytes().await.map_err(|_| Refusal::TooLarge)?;
                    upload = Some((bytes, mime_type));
                }
            }
        }
        let (bytes, mime_type) =
            upload.ok_or_else(|| Refusal::BadRequest("the form has no file".to_owned()))?;
        Ok(Self {
            bytes,
            mime_type,
            cache_control: seconds.map_or(cache_control, |seconds| format!("max-age={seconds}")),
            upsert,
        })
    }
}

/// `POST /object/{bucket}/{path}`
pub(super) async fn upload(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    keep(&storage, &caller, &bucket, &path, request, false).await
}

/// `PUT /object/{bucket}/{path}`
pub(super) async fn replace(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    rows::find(&caller, &storage.pool, &bucket, &path).await?;
    keep(&storage, &caller, &bucket, &path, request, true).await
}

/// Keeps a file. The row is written in the caller's role, so the policies are asked
/// before a byte lies on the disk, and committed after.
pub(super) async fn keep(
    storage: &Storage,
    caller: &Caller,
    bucket: &str,
    path: &str,
    request: Request,
    replaces: bool,
) -> Result<Json<Value>, Refusal> {
    check_key(path)?;
    let rules = rows::rules(&storage.pool, bucket).await?;
    let upload = Upload::read(request).await?;
    let most = rules
        .file_size_limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(FILE_SIZE_LIMIT);
    if upload.bytes.len() > most {
        return Err(Refusal::TooLarge);
    }
    if let Some(allowed) = &rules.allowed_mime_types
        && !allowed.iter().any(|rule| covers(rule, &upload.mime_type))
    {
        return Err(Refusal::MimeType(upload.mime_type));
    }
    let old = rows::find(&Caller::itself(), &storage.pool, bucket, path).await;
    let id = Uuid::new_v4();
    let version = id.to_string();
    let new = New {
        bucket,
        path,
        owner: caller.user(),
        version: &version,
        size: upload.bytes.len(),
        mime_type: &upload.mime_type,
        cache_control: &upload.cache_control,
    };
    let mut transaction = caller.begin(&storage.pool).await?;
    if replaces || upload.upsert {
        rows::upsert(&mut transaction, &new).await?;
    } else {
        rows::insert(&mut transaction, &new).await?;
    }
    tokio::fs::write(storage.file(&version), &upload.bytes).await?;
    if let Err(error) = transaction.commit().await {
        storage.forget(&version).await;
        return Err(error.into());
    }
    if let Ok(Object {
        version: Some(old), ..
    }) = old
    {
        storage.forget(&old).await;
    }
    Ok(Json(json!({ "Id": id, "Key": format!("{bucket}/{path}") })))
}

/// The characters that Storage takes in a path, and no way out of the bucket.
fn check_key(path: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.!*'()&$@=;:+,? ".contains(c);
    let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if inside && path.chars().all(plain) {
        Ok(())
    } else {
        Err(Refusal::BadKey(path.to_owned()))
    }
}

/// Whether a bucket's rule (`image/*`, `application/pdf`, `*/*`) covers a type.
fn covers(rule: &str, mime_type: &str) -> bool {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    rule == "*/*"
        || rule == essence
        || rule
            .strip_suffix('*')
            .is_some_and(|family| family.ends_with('/') && essence.starts_with(family))
}

/// `?download=` of an address: whether a browser shall keep the file, and as what.
#[derive(Deserialize)]
pub(super) struct As {
    download: Option<String>,
}

/// `GET /object/{bucket}/{path}`
pub(super) async fn download(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
    Query(shown): Query<As>,
) -> Result<Response, Refusal> {
    let object = rows::find(&caller, &storage.pool, &bucket, &path).await?;
    serve(&storage, &object, &shown).await
}

/// `GET /object/public/{bucket}/{path}`: of public buckets, by anybody.
pub(super) async fn public(
    State(storage): State<Arc<Storage>>,
    Path((bucket, path)): Path<(String, String)>,
    Query(shown): Query<As>,
) -> Result<Response, Refusal> {
    if !rows::rules(&storage.pool, &bucket).await?.public {
        return Err(Refusal::NoSuchBucket);
    }
    let object = rows::find(&Caller::itself(), &storage.pool, &bucket, &path).await?;
    serve(&storage, &object, &shown).await
}

/// The bytes of a file as a browser wants them.
pub(super) async fn serve(
    storage: &Storage,
    object: &Object,
    shown: &As,
) -> Result<Response, Refusal> {
    let version = object.version.as_deref().ok_or(Refusal::NoSuchObject)?;
    let bytes = storage.bytes(version).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    // On Supabase's own domain a page of somebody's would run as that domain: it is shown as text there, too.
    let mime_type = match object.mime_type() {
        html if html.starts_with("text/html") => "text/plain",
        other => other,
    };
    let mime_type = mime_type
        .parse()
        .unwrap_or(header::HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, mime_type);
    if let Some(name) = &shown.download {
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_graphic() && *c != '"')
            .collect();
        let kept = format!("attachment; filename=\"{name}\"");
        if let Ok(value) = kept.parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// `GET /object/info/{bucket}/{path}`
pub(super) async fn info(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let object = rows::find(&caller, &storage.pool, &bucket, &path).await?;
    let metadata = object
        .metadata
        .map(|metadata| metadata.0)
        .unwrap_or_default();
    Ok(Json(json!({
        "name": path, "bucket_id": bucket, "version": object.version, "size": metadata["size"],
        "content_type": metadata["mimetype"], "cache_control": metadata["cacheControl"],
        "etag": metadata["eTag"], "last_modified": metadata["lastModified"],
    })))
}

/// `{"prefixes": ["a/b.png"]}`
#[derive(Deserialize)]
pub(super) struct Paths {
    prefixes: Vec<String>,
}

/// `DELETE /object/{bucket}`: the files named, as far as the caller may; it tells which.
pub(super) async fn remove(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    Json(paths): Json<Paths>,
) -> Result<Json<Value>, Refusal> {
    let removed = removed(&storage, &caller, &bucket, &paths.prefixes).await?;
    Ok(Json(Value::Array(removed)))
}

/// `DELETE /object/{bucket}/{path}`
pub(super) async fn remove_one(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, path)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    match removed(&storage, &caller, &bucket, &[path]).await?.len() {
        0 => Err(Refusal::NoSuchObject),
        _ => Ok(Json(json!({ "message": "Successfully deleted" }))),
    }
}

async fn removed(
    storage: &Storage,
    caller: &Caller,
    bucket: &str,
    paths: &[String],
) -> Result<Vec<Value>, Refusal> {
    let mut transaction = caller.begin(&storage.pool).await?;
    let rows: Vec<sqlx::types::Json<Value>> = sqlx::query_scalar(
        "delete from storage.objects o where o.bucket_id = $1 and o.name = any ($2) returning to_jsonb(o)",
    )
    .bind(bucket)
    .bind(paths)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    for row in &rows {
        if let Some(version) = row["version"].as_str() {
            storage.forget(version).await;
        }
    }
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// What of a folder is wanted.
#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    offset: Option<i64>,
    #[serde(default)]
    search: Option<String>,
}

/// `POST /object/list/{bucket}`: the files and folders right in a folder, by name.
pub(super) async fn list(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    Json(wanted): Json<Listing>,
) -> Result<Json<Value>, Refusal> {
    let mut folder = wanted.prefix.trim_matches('/').to_owned();
    if !folder.is_empty() {
        folder.push('/');
    }
    let mut transaction = caller.begin(&storage.pool).await?;
    let entries: sqlx::types::Json<Value> = sqlx::query_scalar(
        "with inside as (
            select o.*, substr(o.name, length($2) + 1) as rest from storage.objects o
            where o.bucket_id = $1 and starts_with(o.name, $2)
        ), entries as (
            select i.rest as name, jsonb_build_object('name', i.rest, 'id', i.id, 'updated_at', i.updated_at,
                'created_at', i.created_at, 'last_accessed_at', i.last_accessed_at, 'metadata', i.metadata) as entry
            from inside i where position('/' in i.rest) = 0
            union all
            select distinct split_part(i.rest, '/', 1), jsonb_build_object('name', split_part(i.rest, '/', 1), 'id', null,
                'updated_at', null, 'created_at', null, 'last_accessed_at', null, 'metadata', null)
            from inside i where position('/' in i.rest) > 0
        )
        select coalesce(jsonb_agg(e.entry order by e.name), '[]')
        from (select * from entries where name ilike '%' || $3 || '%' order by name limit $4 offset $5) e",
    )
    .bind(bucket)
    .bind(folder)
    .bind(wanted.search.unwrap_or_default())
    .bind(wanted.limit.unwrap_or(100))
    .bind(wanted.offset.unwrap_or(0))
    .fetch_one(&mut *transaction)
    .await?;
    Ok(Json(entries.0))
}
