-- Where sources of readings stand, so that a restart goes on there. The text is the source's own.
CREATE TABLE cursors (
    source TEXT PRIMARY KEY NOT NULL,
    cursor TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
