//! The Storage double: buckets and files under `/storage/v1`, as supabase-js asks
//! for them. Who may do what is asked of PostgreSQL: each request touches
//! `storage.objects` in the role and with the claims of its token, so the policies
//! decide. The bytes lie on local disk, a file a version.
//!
//! It leaves out: image transformation, resumable and S3 uploads, moving and
//! copying, byte ranges.

mod buckets;
mod caller;
mod objects;
mod refusal;
mod rows;
mod signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::error::{Doing, Result};
use crate::keys::JwtSecret;
use crate::server::Server;
use refusal::Refusal;

/// Largest file of a bucket that names no limit of its own, in bytes: WhatsApp's
/// largest document fits. A hosted project sets this for all of its buckets.
pub const FILE_SIZE_LIMIT: usize = 100 * 1024 * 1024;

/// Room in a request for what a form says beside the file.
const FORM_ROOM: usize = 64 * 1024;

/// Connections at once.
const CONNECTIONS: u32 = 8;

/// What the routes share.
pub struct Storage {
    pool: PgPool,
    secret: JwtSecret,
    folder: PathBuf,
}

impl Storage {
    /// Serves the buckets of `database`; files are kept in `folder`, which is made.
    pub fn open(
        server: &Server,
        database: &str,
        secret: JwtSecret,
        folder: PathBuf,
    ) -> Result<Self> {
        std::fs::create_dir_all(&folder).doing("make", &folder)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_lazy_with(server.options("authenticator", database));
        Ok(Self {
            pool,
            secret,
            folder,
        })
    }

    /// Where the bytes of a version lie. Versions are names of our own making.
    fn file(&self, version: &str) -> PathBuf {
        self.folder.join(Path::new(version))
    }

    /// The bytes of a version.
    async fn bytes(&self, version: &str) -> Result<Vec<u8>, Refusal> {
        tokio::fs::read(self.file(version)).await.map_err(|error| {
            tracing::error!("storage: a file that has a row cannot be read: {error}");
            Refusal::NoSuchObject
        })
    }

    /// Forgets the bytes of a version; ones that are gone already are as good.
    async fn forget(&self, version: &str) {
        if let Err(error) = tokio::fs::remove_file(self.file(version)).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("storage: {version} stays on disk: {error}");
        }
    }
}

/// Routes that stand under `/storage/v1`.
pub fn router(storage: Storage) -> Router {
    Router::new()
        .route("/status", get(|| async { StatusCode::OK }))
        .route("/bucket", get(buckets::list).post(buckets::create))
        .route(
            "/bucket/{bucket}",
            get(buckets::get)
                .put(buckets::update)
                .delete(buckets::delete),
        )
        .route("/bucket/{bucket}/empty", post(buckets::empty))
        .route("/object/list/{bucket}", post(objects::list))
        .route("/object/info/{bucket}/{*path}", get(objects::info))
        .route("/object/public/{bucket}/{*path}", get(objects::public))
        .route(
            "/object/authenticated/{bucket}/{*path}",
            get(objects::download),
        )
        .route("/object/sign/{bucket}", post(signed::sign_many))
        .route(
            "/object/sign/{bucket}/{*path}",
            get(signed::download).post(signed::sign),
        )
        .route(
            "/object/upload/sign/{bucket}/{*path}",
            put(signed::upload).post(signed::sign_upload),
        )
        .route("/object/{bucket}", axum::routing::delete(objects::remove))
        .route(
            "/object/{bucket}/{*path}",
            get(objects::download)
                .post(objects::upload)
                .put(objects::replace)
                .delete(objects::remove_one),
        )
        .layer(DefaultBodyLimit::max(FILE_SIZE_LIMIT + FORM_ROOM))
        .with_state(Arc::new(storage))
}
