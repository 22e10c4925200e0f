-- claim --
UPDATE job SET
  status = 'IN_PROGRESS', started_at = :now, updated_at = :now, ended_at = NULL, status_details = NULL,
  attempt = attempt + 1, worker = :worker, lease_expires_at = :lease_expires_at,
  progress = NULL, cancel_requested = 0, errors = '[]', not_before = NULL, result = NULL
WHERE id = (
  SELECT id FROM job
  WHERE status IN ('NEW', 'ACKNOWLEDGED') AND type IN (SELECT value FROM json_each(:types))
    AND (not_before IS NULL OR not_before <= :now) AND (:job_id IS NULL OR id = :job_id)
  ORDER BY type DESC, priority DESC, updated_at, id
  LIMIT 1
)
RETURNING *;

-- claimable --
SELECT EXISTS (
  SELECT 1 FROM job
  WHERE status IN ('NEW', 'ACKNOWLEDGED') AND type IN (SELECT value FROM json_each(:types))
    AND (not_before IS NULL OR not_before <= :now)
);

-- heartbeat --
UPDATE job SET
  updated_at = :now, lease_expires_at = :lease_expires_at,
  progress = coalesce(:progress, progress), status_details = coalesce(:status_details, status_details)
WHERE id = :job_id AND attempt = :attempt AND worker = :worker AND status = 'IN_PROGRESS'
RETURNING cancel_requested;

-- held --
SELECT cancel_requested FROM job
WHERE id = :job_id AND attempt = :attempt AND worker = :worker AND status = 'IN_PROGRESS';

-- hide_previous_style_assets --
UPDATE asset SET is_public_facing = 0, updated_at = :now
WHERE is_public_facing AND job_id <> :job_id AND created_at < :started_at
  AND style_id IN (SELECT style_id FROM asset WHERE job_id = :job_id AND status = 'UPLOADED');

-- finish --
UPDATE job SET
  status = :status, status_details = :status_details, errors = :errors, result = :result, updated_at = :now,
  ended_at = iif(:status IN ('NEW', 'ON_HOLD'), NULL, :now),
  lease_expires_at = NULL,
  progress = CASE :status WHEN 'COMPLETED_SUCCESS' THEN 100.0 WHEN 'NEW' THEN NULL ELSE progress END,
  auto_retries = auto_retries + iif(:status = 'NEW' AND :counted, 1, 0),
  not_before = :not_before, returns = :returns, crashes = :crashes
WHERE id = :job_id;

-- expired --
SELECT * FROM job WHERE status = 'IN_PROGRESS' AND lease_expires_at <= :now;

-- requeue --
UPDATE job SET
  status = :status, status_details = :status_details,
  errors = json_array(json_object('stage', 'worker', 'message', :reason)),
  ended_at = iif(:status = 'CANCELED', :now, NULL),
  auto_retries = auto_retries + iif(:status = 'NEW', 1, 0), crashes = :crashes,
  expiries = json_set(expiries, '$."' || attempt || '"', worker),
  updated_at = :now, worker = NULL, lease_expires_at = NULL, progress = NULL
WHERE id = :job_id;

-- uncount_expiry --
UPDATE job SET
  expiries = json_remove(expiries, '$."' || :attempt || '"'), crashes = max(crashes - 1, 0), updated_at = :now,
  auto_retries = max(auto_retries - iif(status = 'ON_HOLD' AND crashes >= :max_crashes, 0, 1), 0),
  status = iif(status = 'ON_HOLD' AND crashes >= :max_crashes, 'NEW', status),
  status_details = iif(
    status = 'NEW' OR status = 'ON_HOLD' AND crashes >= :max_crashes, :status_details, status_details)
WHERE id = :job_id AND json_extract(expiries, '$."' || :attempt || '"') = :worker;

-- submit --
INSERT INTO job (id, created_at, updated_at, status, type, preset_key, requestor_id, details, priority)
VALUES (:id, :now, :now, :status, :type, :preset_key, :requestor_id, :details, :priority)
RETURNING *;

-- job_types --
SELECT value FROM job_type ORDER BY value;

-- job --
SELECT * FROM job WHERE id = :job_id;

-- jobs --
SELECT * FROM job
WHERE (:status IS NULL OR status = :status) AND (:type IS NULL OR type = :type)
  AND (:preset_key IS NULL OR preset_key = :preset_key) AND (:worker IS NULL OR worker = :worker)
  AND (:low IS NULL OR id BETWEEN :low AND :high)
  AND (:search IS NULL
    OR instr(lower(preset_key), lower(:search)) OR instr(lower(status_details), lower(:search))
    OR instr(lower(requestor_id), lower(:search))
    OR :search IN (id, details ->> 'style_id', details ->> 'body_id', details ->> 'body_code'))
  AND (:after_time IS NULL OR created_at < :after_time OR (created_at = :after_time AND id > :after_id))
ORDER BY created_at DESC, id
LIMIT :limit;

-- cancel_waiting --
UPDATE job SET
  status = 'CANCELED', status_details = 'canceled before it began', updated_at = :now, ended_at = :now
WHERE id = :job_id;

-- cancel_running --
UPDATE job SET cancel_requested = 1, updated_at = :now WHERE id = :job_id;

-- retry --
UPDATE job SET
  status = 'NEW', status_details = NULL, errors = '[]', updated_at = :now, started_at = NULL, ended_at = NULL,
  worker = NULL, progress = NULL, cancel_requested = 0, auto_retries = 0, not_before = NULL, returns = 0, crashes = 0,
  expiries = '{}', result = NULL, done = :done
WHERE id = :job_id;

-- hold --
UPDATE job SET status = 'ON_HOLD', updated_at = :now WHERE id = :job_id;

-- release --
UPDATE job SET
  status = 'NEW', not_before = NULL, returns = 0, crashes = 0, expiries = '{}', updated_at = :now
WHERE id = :job_id;

-- set_priority --
UPDATE job SET priority = :priority, updated_at = :now WHERE id = :job_id;

-- delete_events --
DELETE FROM job_event WHERE job_id = :job_id;

-- delete_assets --
DELETE FROM asset WHERE job_id = :job_id;

-- delete_job --
DELETE FROM job WHERE id = :job_id;

-- newest_change --
SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'change';

-- changes --
SELECT seq, job_id, event_id FROM change WHERE seq > :after ORDER BY seq LIMIT :limit;

-- jobs_of --
SELECT * FROM job WHERE id IN (SELECT value FROM json_each(:ids));

-- events_of --
SELECT * FROM job_event WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- preset --
SELECT key, name, version, description, job_type, details FROM job_preset WHERE key = :key;

-- presets --
SELECT key, name, version, description, job_type, details FROM job_preset ORDER BY key;

-- put_preset --
INSERT INTO job_preset (key, name, version, description, job_type, details, created_at, updated_at)
VALUES (:key, :name, :version, :description, :job_type, :details, :now, :now)
ON CONFLICT (key) DO UPDATE SET
  name = excluded.name, version = excluded.version, description = excluded.description,
  job_type = excluded.job_type, details = excluded.details, updated_at = excluded.updated_at;

-- delete_preset --
DELETE FROM job_preset WHERE key = :key;

-- begin_asset --
INSERT INTO asset (id, created_at, updated_at, job_id, name, type, status, path, is_public_facing, style_id, body_id, details)
VALUES (:id, :now, :now, :job_id, :name, :type, 'IN_PROGRESS', :path, :is_public_facing, :style_id, :body_id, :details)
ON CONFLICT (job_id, name) DO UPDATE SET
  type = excluded.type, status = 'IN_PROGRESS', path = excluded.path, details = excluded.details,
  is_public_facing = excluded.is_public_facing, updated_at = excluded.updated_at;

-- asset_of_name --
SELECT id FROM asset WHERE job_id = :job_id AND name = :name;

-- asset_uploaded --
UPDATE asset SET status = 'UPLOADED', updated_at = :now, details = :details WHERE id = :asset_id;

-- asset --
SELECT * FROM asset WHERE id = :asset_id AND job_id = :job_id;

-- assets --
SELECT * FROM asset WHERE job_id = :job_id ORDER BY name;

-- asset_types --
SELECT value FROM asset_type;

-- record --
INSERT INTO job_event (job_id, attempt, seq, time, event, fields)
VALUES (:job_id, :attempt, :seq, :time, :event, :fields)
ON CONFLICT DO NOTHING;

-- events --
SELECT * FROM job_event WHERE job_id = :job_id ORDER BY time, id;
