//! `chergui key`: make, list and withdraw API keys; a running server honours the change within half a minute.

use super::{args, failure::Failure, serve, serve::say};
use crate::auth::Authority;
use engine::store::ledger::{Ledger, Role};
use jiff::Timestamp;

pub(super) async fn run(place: &args::Place, options: args::Key) -> Result<(), Failure> {
    let config = serve::config(place)?;
    let ledger = Ledger::open(&config.data_dir).await.map_err(Failure::work)?;
    match options.action {
        args::KeyAction::Add { name, role } => {
            let role = Role::parse(&role)
                .ok_or_else(|| Failure::usage(format!("role {role:?} is not known; use viewer, operator or admin")))?;
            let (authority, _) =
                Authority::open(ledger, false, config.auth.session_hours, Timestamp::now()).await.map_err(Failure::work)?;
            let key = authority.create(&name, role, Timestamp::now()).await.map_err(Failure::work)?;
            say(&format!("{key}\nThis is the only time it is shown; an earlier key of the name {name:?} no longer works."));
        }
        args::KeyAction::List => {
            for key in ledger.api_keys().await.map_err(Failure::work)? {
                say(&format!("{:<24} {:<10} since {}", key.name, key.role.name(), key.created_at));
            }
        }
        args::KeyAction::Remove { name } => {
            if !ledger.remove_api_key(&name).await.map_err(Failure::work)? {
                return Err(Failure::usage(format!("there is no key named {name:?}; `chergui key list` shows the names")));
            }
            say(&format!("removed {name}"));
        }
    }
    Ok(())
}
