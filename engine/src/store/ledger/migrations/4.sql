-- What an alert rests on, where it leads, how it ranks, what it is part of, and how it ended: `fixed`, `no_action`, `false_positive`,
-- `over` (by itself), `merged` (into another), `with_parent`. Evidence and outlook are JSON.
ALTER TABLE alerts ADD COLUMN asset_kind TEXT;
ALTER TABLE alerts ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]';
ALTER TABLE alerts ADD COLUMN outlook TEXT;
ALTER TABLE alerts ADD COLUMN energy_expected_kwh REAL;
ALTER TABLE alerts ADD COLUMN urgency REAL NOT NULL DEFAULT 0.35;
ALTER TABLE alerts ADD COLUMN parent_alert_id TEXT REFERENCES alerts (id);
ALTER TABLE alerts ADD COLUMN outcome TEXT;
UPDATE alerts SET outcome = CASE state WHEN 'false_positive' THEN 'false_positive' WHEN 'resolved' THEN 'fixed' END;
CREATE INDEX alerts_parent ON alerts (parent_alert_id) WHERE parent_alert_id IS NOT NULL;
CREATE INDEX alerts_pattern ON alerts (asset_kind, component, mode, outcome);

-- The incident as it was last reported. Asset and opening time name it: component and mode may become clearer.
-- `loss_rate_kw` is its smoothed loss as of `reported_at`.
ALTER TABLE alert_incidents ADD COLUMN started_at INTEGER;
ALTER TABLE alert_incidents ADD COLUMN severity TEXT NOT NULL DEFAULT 'warning';
ALTER TABLE alert_incidents ADD COLUMN score REAL NOT NULL DEFAULT 1.0;
ALTER TABLE alert_incidents ADD COLUMN detector TEXT NOT NULL DEFAULT 'normal_behaviour';
ALTER TABLE alert_incidents ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]';
ALTER TABLE alert_incidents ADD COLUMN outlook TEXT;
ALTER TABLE alert_incidents ADD COLUMN loss_rate_kw REAL NOT NULL DEFAULT 0.0;
ALTER TABLE alert_incidents ADD COLUMN reported_at INTEGER;
UPDATE alert_incidents SET started_at = opened_at, reported_at = opened_at;
CREATE INDEX alert_incidents_asset ON alert_incidents (asset_id, opened_at);
CREATE INDEX alert_incidents_open ON alert_incidents (asset_id) WHERE closed_at IS NULL;
