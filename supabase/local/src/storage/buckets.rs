//! Buckets: seen and made by whom the policies of `storage.buckets` let.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::{Refusal, Storage};

type Answer = Result<Json<Value>, Refusal>;

/// What a client says of a bucket.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    public: Option<bool>,
    #[serde(default)]
    file_size_limit: Option<i64>,
    #[serde(default)]
    allowed_mime_types: Option<Vec<String>>,
}

/// `GET /bucket`
pub(super) async fn list(State(storage): State<Arc<Storage>>, caller: Caller) -> Answer {
    let mut transaction = caller.begin(&storage.pool).await?;
    let buckets: sqlx::types::Json<Value> = sqlx::query_scalar(
        "select coalesce(jsonb_agg(to_jsonb(b) order by b.id), '[]') from storage.buckets b",
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(Json(buckets.0))
}

/// `GET /bucket/{bucket}`
pub(super) async fn get(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
) -> Answer {
    let mut transaction = caller.begin(&storage.pool).await?;
    let found: Option<sqlx::types::Json<Value>> =
        sqlx::query_scalar("select to_jsonb(b) from storage.buckets b where b.id = $1")
            .bind(bucket)
            .fetch_optional(&mut *transaction)
            .await?;
    Ok(Json(found.ok_or(Refusal::NoSuchBucket)?.0))
}

/// `POST /bucket`
pub(super) async fn create(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Json(wanted): Json<Wanted>,
) -> Answer {
    let id = wanted.id.or_else(|| wanted.name.clone());
    let id = id
        .ok_or_else(|| Refusal::BadRequest("body must have required property 'name'".to_owned()))?;
    let mut transaction = caller.begin(&storage.pool).await?;
    sqlx::query(
        "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(wanted.name.as_deref().unwrap_or(&id))
    .bind(wanted.public.unwrap_or(false))
    .bind(wanted.file_size_limit)
    .bind(wanted.allowed_mime_types)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Json(json!({ "name": id })))
}

/// `PUT /bucket/{bucket}`
pub(super) async fn update(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Answer {
    let mut transaction = caller.begin(&storage.pool).await?;
    let done = sqlx::query(
        "update storage.buckets
         set public = coalesce($2, public), file_size_limit = $3, allowed_mime_types = $4, updated_at = now()
         where id = $1",
    )
    .bind(bucket)
    .bind(wanted.public)
    .bind(wanted.file_size_limit)
    .bind(wanted.allowed_mime_types)
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Refusal::NoSuchBucket);
    }
    transaction.commit().await?;
    Ok(Json(json!({ "message": "Successfully updated" })))
}

/// `DELETE /bucket/{bucket}`: only an empty one.
pub(super) async fn delete(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
) -> Answer {
    let mut transaction = caller.begin(&storage.pool).await?;
    let done = sqlx::query("delete from storage.buckets where id = $1")
        .bind(bucket)
        .execute(&mut *transaction)
        .await
        .map_err(|error| match Refusal::from(error) {
            // The key of its objects.
            Refusal::NoSuchBucket => Refusal::NotEmpty,
            other => other,
        })?;
    if done.rows_affected() == 0 {
        return Err(Refusal::NoSuchBucket);
    }
    transaction.commit().await?;
    Ok(Json(json!({ "message": "Successfully deleted" })))
}

/// `POST /bucket/{bucket}/empty`
pub(super) async fn empty(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
) -> Answer {
    let mut transaction = caller.begin(&storage.pool).await?;
    let versions: Vec<Option<String>> =
        sqlx::query_scalar("delete from storage.objects where bucket_id = $1 returning version")
            .bind(bucket)
            .fetch_all(&mut *transaction)
            .await?;
    transaction.commit().await?;
    for version in versions.into_iter().flatten() {
        storage.forget(&version).await;
    }
    Ok(Json(json!({ "message": "Successfully emptied" })))
}
