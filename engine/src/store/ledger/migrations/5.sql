-- What the watch of a plant was learnt from, microseconds UTC: after a restart it is learnt from the same again and judges as before.
CREATE TABLE watches (
    plant TEXT NOT NULL PRIMARY KEY,
    learnt_from INTEGER NOT NULL,
    learnt_until INTEGER NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
