CREATE TABLE job_status (value TEXT PRIMARY KEY, comment TEXT NOT NULL) STRICT;
INSERT INTO job_status VALUES
  ('NEW', 'waits to be claimed'),
  ('ACKNOWLEDGED', 'waits to be claimed; somebody has seen it'),
  ('IN_PROGRESS', 'a worker has claimed it'),
  ('COMPLETED_SUCCESS', 'all its exports were made'),
  ('COMPLETED_ERRORS', 'ended with at least one failure'),
  ('ON_HOLD', 'waits and is not to be claimed'),
  ('CANCELED', 'ended because somebody asked for it');

CREATE TABLE job_type (value TEXT PRIMARY KEY, comment TEXT NOT NULL) STRICT;
INSERT INTO job_type VALUES
  ('DXA_EXPORT_BODY_BUNDLE', 'exports of a body'),
  ('DXA_EXPORT_ASSET_BUNDLE', 'exports of a style'),
  ('BRAND_ONBOARDING', 'first pictures and scene of a style'),
  ('TEST', 'a try');

CREATE TABLE asset_type (value TEXT PRIMARY KEY) STRICT;
INSERT INTO asset_type VALUES
  ('MEDIA_RENDER'), ('MEDIA_RENDER_RAY_TRACE'), ('MEDIA_3D_SCENE'), ('DXA_ASSET_BUNDLE'), ('TURNTABLE'), ('SCAN'),
  ('VSTITCHER_FILE');

CREATE TABLE job_preset (
  key TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  description TEXT,
  job_type TEXT,
  details TEXT NOT NULL CHECK (json_valid(details)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE job (
  id TEXT PRIMARY KEY,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  status TEXT NOT NULL REFERENCES job_status,
  status_details TEXT,
  type TEXT NOT NULL REFERENCES job_type,
  preset_key TEXT NOT NULL REFERENCES job_preset,
  requestor_id TEXT,
  details TEXT NOT NULL CHECK (json_valid(details)),
  priority INTEGER NOT NULL DEFAULT 0,
  started_at TEXT,
  ended_at TEXT,
  auto_retries INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0,
  worker TEXT,
  lease_expires_at TEXT,
  progress REAL,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  errors TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(errors)),
  not_before TEXT,
  returns INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_claimable ON job (type DESC, priority DESC, updated_at) WHERE status IN ('NEW', 'ACKNOWLEDGED');
CREATE INDEX job_leased ON job (lease_expires_at) WHERE status = 'IN_PROGRESS';
CREATE INDEX job_created_at ON job (created_at);

CREATE TABLE asset (
  id TEXT PRIMARY KEY,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  job_id TEXT NOT NULL REFERENCES job,
  name TEXT NOT NULL,
  type TEXT NOT NULL REFERENCES asset_type,
  status TEXT NOT NULL CHECK (status IN ('IN_PROGRESS', 'UPLOADED')),
  path TEXT NOT NULL,
  is_public_facing INTEGER NOT NULL,
  style_id TEXT,
  body_id TEXT,
  details TEXT NOT NULL CHECK (json_valid(details)),
  UNIQUE (job_id, name)
) STRICT;
CREATE INDEX asset_public_of_style ON asset (style_id) WHERE is_public_facing;

CREATE TABLE job_event (
  id INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES job,
  attempt INTEGER NOT NULL,
  seq INTEGER NOT NULL DEFAULT 0,
  time TEXT NOT NULL,
  event TEXT NOT NULL,
  fields TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE UNIQUE INDEX job_event_recorded ON job_event (job_id, attempt, seq) WHERE seq > 0;
CREATE INDEX job_event_of_job ON job_event (job_id);

CREATE TRIGGER job_submitted AFTER INSERT ON job BEGIN
  INSERT INTO job_event (job_id, attempt, time, event, fields)
  VALUES (new.id, new.attempt, new.created_at, 'submitted', json_object('status', new.status));
END;

CREATE TRIGGER job_status_changed AFTER UPDATE OF status ON job WHEN old.status <> new.status BEGIN
  INSERT INTO job_event (job_id, attempt, time, event, fields)
  VALUES (new.id, new.attempt, new.updated_at, 'status_changed', json_object(
    'from', old.status, 'to', new.status, 'worker', new.worker, 'status_details', new.status_details));
END;

CREATE TRIGGER job_cancel_requested AFTER UPDATE OF cancel_requested ON job
WHEN new.cancel_requested > old.cancel_requested BEGIN
  INSERT INTO job_event (job_id, attempt, time, event, fields)
  VALUES (new.id, new.attempt, new.updated_at, 'cancel_requested', json_object());
END;
