//! Who calls: API keys in `Authorization: Bearer`, or a session cookie for the page.
//!
//! A key is `chg_<id>_<secret>`, 256 random bits; only its SHA-256 is stored, compared in constant time. The first key is made at
//! first start and printed once. A session is a random token in an HttpOnly, SameSite=Strict cookie; its hash is in the ledger.

use crate::error::Code;
use crate::error::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::domain::Timestamp;
use engine::store::ledger::ApiKey;
use engine::store::ledger::Ledger;
use engine::store::ledger::LedgerError;
use engine::store::ledger::Role;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq;

/// Name of the session cookie.
pub const COOKIE: &str = "chergui_session";
/// Name of the key made at first start.
pub const FIRST_KEY_NAME: &str = "admin";

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the key.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Knows the keys. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Authority {
    ledger: Ledger,
    keys: Arc<RwLock<BTreeMap<String, ApiKey>>>,
    required: bool,
    session: SignedDuration,
}

impl Authority {
    /// Reads the keys of a ledger. Where keys are required and there is none, makes the first; its text is returned, once.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn open(
        ledger: Ledger,
        required: bool,
        session_hours: u32,
        now: Timestamp,
    ) -> Result<(Self, Option<String>), LedgerError> {
        let session = SignedDuration::from_hours(i64::from(session_hours));
        let authority = Self { ledger, keys: Arc::default(), required, session };
        authority.reload().await?;
        let none = authority.keys.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        let first = if required && none { Some(authority.create(FIRST_KEY_NAME, Role::Admin, now).await?) } else { None };
        Ok((authority, first))
    }

    /// Makes a key and returns its text, which is kept nowhere; a key of the same name stops working.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn create(&self, name: &str, role: Role, now: Timestamp) -> Result<String, LedgerError> {
        let id: String = rand::random::<[u8; 4]>().iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("chg_{id}_{}", random_token());
        let key = ApiKey { id, name: name.into(), role, hash: sha256(text.as_bytes()), created_at: now };
        self.ledger.put_api_key(&key).await?;
        self.reload().await?;
        Ok(text)
    }

    /// Reads the keys again, for example after another process changed them.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reload(&self) -> Result<(), LedgerError> {
        let keys = self.ledger.api_keys().await?.into_iter().map(|key| (key.id.clone(), key)).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Who holds this key text.
    pub fn by_key(&self, text: &str) -> Option<Caller> {
        let id = text.strip_prefix("chg_")?.split('_').next()?;
        let key = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id)?.clone();
        bool::from(sha256(text.as_bytes()).ct_eq(&key.hash)).then_some(Caller { name: key.name, role: key.role })
    }

    /// Starts a session for the holder of a key; returns the cookie's value.
    ///
    /// # Errors
    /// A problem `unauthorized` for a wrong key.
    pub async fn start_session(&self, key: &str, now: Timestamp) -> Result<String, Problem> {
        let id = self.by_key(key).and_then(|_| key.split('_').nth(1)).ok_or_else(refused)?;
        let token = random_token();
        let expires = now.saturating_add(self.session).unwrap_or(Timestamp::MAX);
        self.ledger.start_session(&sha256(token.as_bytes()), id, now, expires).await?;
        Ok(token)
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn end_session(&self, token: &str) -> Result<(), LedgerError> {
        self.ledger.end_session(&sha256(token.as_bytes())).await
    }

    /// Who calls, from the two headers; the key wins over the cookie.
    ///
    /// # Errors
    /// A problem `unauthorized`.
    pub async fn caller(&self, authorization: Option<&str>, cookie: Option<&str>, now: Timestamp) -> Result<Caller, Problem> {
        if !self.required {
            return Ok(Caller { name: "anonymous".into(), role: Role::Admin });
        }
        if let Some(text) = authorization {
            let key = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer "));
            return key.and_then(|key| self.by_key(key.trim())).ok_or_else(refused);
        }
        let token = cookie.ok_or_else(refused)?;
        let key_id = self.ledger.session_key(&sha256(token.as_bytes()), now).await?.ok_or_else(refused)?;
        let key = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&key_id).cloned();
        key.map(|key| Caller { name: key.name, role: key.role }).ok_or_else(refused)
    }

    /// How long a session lasts.
    pub const fn session(&self) -> SignedDuration {
        self.session
    }
}

/// The session token in a `Cookie` header.
pub fn token_in(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn refused() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "send `Authorization: Bearer <API key>`, or log in on the page; keys are made with `chergui key`",
    )
}

fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).replace('_', ".")
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Authority, Ledger, Role, Timestamp};
    use jiff::SignedDuration;

    #[tokio::test]
    async fn keys_and_sessions_open_the_door_and_nothing_else_does() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(home.path()).await.unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let (authority, first) = Authority::open(ledger.clone(), true, 1, now).await.unwrap();
        let key = first.unwrap();
        assert!(Authority::open(ledger, true, 1, now).await.unwrap().1.is_none(), "printed once");
        assert_eq!(authority.by_key(&key).unwrap().role, Role::Admin);
        let mut wrong = key.clone();
        wrong.pop();
        for text in [wrong.as_str(), "", "chg_", "chg_00000000_x", "Bearer"] {
            assert!(authority.by_key(text).is_none(), "{text}");
        }
        let token = authority.start_session(&key, now).await.unwrap();
        assert!(authority.caller(None, Some(&token), now).await.is_ok());
        assert_eq!(super::token_in(&format!("a=b; chergui_session={token}; c=d")), Some(token.as_str()));
        assert_eq!(super::token_in("chergui_session_other=x"), None);
        assert!(authority.caller(Some("Bearer x"), Some(&token), now).await.is_err(), "a wrong key is not rescued by a cookie");
        assert!(authority.caller(None, Some(&token), now + SignedDuration::from_hours(2)).await.is_err());
        authority.end_session(&token).await.unwrap();
        assert!(authority.caller(None, Some(&token), now).await.is_err());
    }
}
