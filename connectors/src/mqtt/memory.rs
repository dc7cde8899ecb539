//! What our side of an MQTT 5 session remembers: nothing.
//!
//! In: the client's question what it owed the broker when it was last here. Out: an empty session of the same name. We publish nothing that
//! needs an answer, so this is the truth, and it lets the client go on with a session that only the broker kept. Not here: the broker's side.

use rumqttc_v5::{PersistedAckMode, PersistedSession, SessionStore, SessionStoreError, SessionStoreKey};
use std::future::ready;
use std::pin::Pin;

/// Publishes of ours that may wait for an answer. There are none, and the client's tables are as large as this.
pub(super) const OURS: u16 = 8;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

/// Remembers nothing.
#[derive(Debug)]
pub(super) struct Nothing {
    pub(super) client_id: String,
    pub(super) session_expiry_s: u32,
}

impl SessionStore for Nothing {
    fn load<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        Box::pin(ready(Ok(Some(PersistedSession {
            format_version: 1,
            client_id: self.client_id.clone(),
            clean_start: false,
            session_expiry_interval: Some(self.session_expiry_s),
            outgoing_inflight_upper_limit: Some(OURS),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        }))))
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Answer<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}
