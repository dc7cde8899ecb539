-- Fitted forecast models, one row per fit. One is served per asset and quantity; only its bytes are kept. `watch` is what is known of its
-- errors since it was fitted.
CREATE TABLE models (
    model_id TEXT PRIMARY KEY NOT NULL,
    asset_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    version TEXT NOT NULL,
    fitted_at INTEGER NOT NULL,
    trained_from INTEGER NOT NULL,
    trained_to INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    features INTEGER NOT NULL,
    inputs TEXT NOT NULL,
    seed INTEGER NOT NULL,
    model TEXT NOT NULL,
    score REAL,
    best_naive TEXT,
    best_naive_score REAL,
    buckets TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('first', 'scheduled', 'drift', 'asked')),
    served INTEGER NOT NULL,
    state BLOB,
    watch TEXT
) STRICT;
CREATE UNIQUE INDEX models_served ON models (asset_id, quantity) WHERE served = 1;
CREATE INDEX models_newest ON models (asset_id, quantity, fitted_at DESC);
