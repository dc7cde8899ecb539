//! `POST /backup`: a copy of the served store, in the directory the configuration names.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::openapi::ProblemResponse;
use crate::state::AppState;
use actix_web::{HttpResponse, web};
use engine::domain::Timestamp;
use engine::store;
use engine::store::ledger::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// A backup that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackupBody {
    /// The directory, on the server.
    path: String,
    /// When it was begun, RFC 3339; every row acknowledged before is in it.
    created_at: String,
    /// Files in it.
    files: usize,
    /// Their bytes.
    bytes: u64,
}

/// Copies the store into a new directory below `[backup] directory`; answers when it is complete and was read back.
#[utoipa::path(post, path = "/api/v1/backup", tag = "operations", responses((status = 201, body = BackupBody), (status = "default", response = ProblemResponse)))]
pub(crate) async fn backup(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    if caller.role < Role::Admin {
        let (name, role) = (&caller.name, caller.role.name());
        return Err(Problem::new(Code::Forbidden, format!("key {name:?} has the role {role}; a backup needs admin")));
    }
    let Some(directory) = state.config.backup.directory.clone() else {
        let detail =
            "no directory for backups is configured; set `directory` in [backup], or stop the server and run `chergui backup`";
        return Err(Problem::new(Code::BadRequest, detail));
    };
    let now = Timestamp::now();
    let to = directory.join(now.strftime("chergui-%Y%m%dT%H%M%SZ").to_string());
    let (store, ledger, path) = (state.store.clone(), state.ledger.clone(), to.clone());
    // A task of its own: a caller that goes away does not leave half a backup.
    let work = tokio::spawn(async move { store::backup(&store, &ledger, &path, now, &|_, _| {}).await });
    let made = work.await.map_err(|error| Problem::new(Code::Internal, error.to_string()))??;
    tracing::info!(path = %to.display(), files = made.files.len(), bytes = made.bytes(), caller = caller.name, "backup made");
    Ok(HttpResponse::Created().json(BackupBody {
        path: to.display().to_string(),
        created_at: made.created_at.to_string(),
        files: made.files.len(),
        bytes: made.bytes(),
    }))
}
