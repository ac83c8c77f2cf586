//! The rows of `storage.objects`, as far as more than one route touches them.

use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

use super::Refusal;
use super::caller::Caller;

/// What a bucket says of its files.
#[derive(sqlx::FromRow)]
pub(super) struct Rules {
    pub(super) public: bool,
    pub(super) file_size_limit: Option<i64>,
    pub(super) allowed_mime_types: Option<Vec<String>>,
}

/// The rules of a bucket, whoever asks: who may not see it is refused by its objects.
pub(super) async fn rules(pool: &PgPool, bucket: &str) -> Result<Rules, Refusal> {
    let mut transaction = Caller::itself().begin(pool).await?;
    sqlx::query_as(
        "select public, file_size_limit, allowed_mime_types from storage.buckets where id = $1",
    )
    .bind(bucket)
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::NoSuchBucket)
}

/// A file that is there.
#[derive(sqlx::FromRow)]
pub(super) struct Object {
    pub(super) version: Option<String>,
    pub(super) metadata: Option<Json<Value>>,
}

impl Object {
    /// What it is, as its uploader said.
    pub(super) fn mime_type(&self) -> &str {
        self.metadata
            .as_ref()
            .and_then(|metadata| metadata["mimetype"].as_str())
            .unwrap_or("application/octet-stream")
    }
}

/// The file at a path, if the caller may see it.
pub(super) async fn find(
    caller: &Caller,
    pool: &PgPool,
    bucket: &str,
    path: &str,
) -> Result<Object, Refusal> {
    let mut transaction = caller.begin(pool).await?;
    sqlx::query_as(
        "select version, metadata from storage.objects where bucket_id = $1 and name = $2",
    )
    .bind(bucket)
    .bind(path)
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::NoSuchObject)
}

/// A file as it is about to be written.
pub(super) struct New<'a> {
    pub(super) bucket: &'a str,
    pub(super) path: &'a str,
    pub(super) owner: Option<&'a str>,
    pub(super) version: &'a str,
    pub(super) size: usize,
    pub(super) mime_type: &'a str,
    pub(super) cache_control: &'a str,
}

/// Writes the row of a new file. Without RETURNING: who may put a file may not see it
/// for that.
pub(super) async fn insert(row: &mut PgConnection, new: &New<'_>) -> Result<(), Refusal> {
    written(row, new, "").await
}

/// The same in place of a file that may be there already.
pub(super) async fn upsert(row: &mut PgConnection, new: &New<'_>) -> Result<(), Refusal> {
    let or = "on conflict (bucket_id, name) do update
        set metadata = excluded.metadata, version = excluded.version, owner = excluded.owner,
            owner_id = excluded.owner_id, updated_at = now()";
    written(row, new, or).await
}

async fn written(row: &mut PgConnection, new: &New<'_>, or: &str) -> Result<(), Refusal> {
    let now = jiff::Timestamp::now().to_string();
    let metadata = json!({
        "eTag": format!("\"{}\"", new.version), "size": new.size, "mimetype": new.mime_type,
        "cacheControl": new.cache_control, "lastModified": now, "contentLength": new.size,
        "httpStatusCode": 200,
    });
    let statement = format!(
        "insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata)
         values ($1, $2, $3::uuid, $3, $4, $5) {or}"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(new.bucket)
        .bind(new.path)
        .bind(new.owner)
        .bind(new.version)
        .bind(Json(metadata))
        .execute(row)
        .await?;
    Ok(())
}
