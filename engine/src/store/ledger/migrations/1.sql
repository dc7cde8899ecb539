-- Times are microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE alerts (
    id TEXT PRIMARY KEY NOT NULL,
    asset_id TEXT NOT NULL,
    asset_name TEXT NOT NULL,
    component TEXT NOT NULL,
    mode TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    shelved_until INTEGER,
    started_at INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    score REAL NOT NULL,
    energy_lost_kwh REAL NOT NULL,
    top_contributors TEXT NOT NULL,
    occurrences INTEGER NOT NULL,
    assignee TEXT,
    incident_open INTEGER NOT NULL,
    decided_at INTEGER
) STRICT;
-- One living alert per asset, component and mode.
CREATE UNIQUE INDEX alerts_living ON alerts (asset_id, component, mode) WHERE state IN ('open', 'acknowledged', 'assigned');
CREATE INDEX alerts_newest ON alerts (opened_at DESC, id DESC);

-- Every incident an alert has taken in; a detector may report the same one any number of times.
CREATE TABLE alert_incidents (
    asset_id TEXT NOT NULL,
    component TEXT NOT NULL,
    mode TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    energy_lost_kwh REAL NOT NULL,
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    PRIMARY KEY (asset_id, component, mode, opened_at)
) STRICT;
CREATE INDEX alert_incidents_alert ON alert_incidents (alert_id);

CREATE TABLE alert_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    by TEXT NOT NULL,
    note TEXT
) STRICT;
CREATE INDEX alert_events_alert ON alert_events (alert_id, id);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY NOT NULL,
    channel TEXT NOT NULL,
    event TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_error TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'pending';

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY NOT NULL,
    key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    claimed_at INTEGER NOT NULL,
    status INTEGER,
    content_type TEXT,
    body BLOB,
    PRIMARY KEY (owner, key)
) STRICT;
