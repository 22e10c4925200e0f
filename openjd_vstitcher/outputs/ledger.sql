CREATE TABLE IF NOT EXISTS output (
    name         TEXT PRIMARY KEY,
    position     INTEGER NOT NULL,
    upload       INTEGER NOT NULL,
    asset_type   TEXT,
    instruction  INTEGER,
    state        TEXT NOT NULL DEFAULT 'expected' CHECK (state IN
                 ('expected', 'seen', 'settled', 'uploading', 'stored', 'registered', 'kept', 'failed')),
    size_bytes   INTEGER,
    identity     TEXT,
    sha256       TEXT,
    uri          TEXT,
    asset_id     TEXT,
    upload_id    TEXT,
    attempts     INTEGER NOT NULL DEFAULT 0,
    error        TEXT,
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE IF NOT EXISTS fact (
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT;
