-- Each function is one round trip and one transaction. A fenced function returns no row if the claim is lost.
-- They are the functions of these names; one that openjd-vstitcher has not made is not replaced.
DO $$
DECLARE
  other text;
BEGIN
  SELECT string_agg(oid::regprocedure::text, ', ') INTO other FROM pg_proc
    WHERE pronamespace = 'platform'::regnamespace
      AND obj_description(oid, 'pg_proc') IS DISTINCT FROM 'made by openjd-vstitcher'
      AND proname IN ('check_worker', 'held_job', 'claim_job', 'heartbeat_job', 'begin_asset', 'asset_uploaded',
        'record_job_events', 'on_hold', 'uncount_expiry', 'finish_job', 'requeue_expired_jobs', 'steered_job', 'cancel_job',
        'retry_job', 'hold_job', 'release_job');
  IF other IS NOT NULL THEN
    RAISE EXCEPTION '% exists, and openjd-vstitcher has not made it', other;
  END IF;
END
$$;

-- A session may act only as the worker that its token or the gateway names, unless it is an administrator's. Whatever
-- the role is called: it may be an inherited one, or the deployment's own.
CREATE OR REPLACE FUNCTION platform.check_worker(worker text, hasura_session json) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF coalesce(hasura_session ->> 'x-hasura-role', 'admin') <> 'admin'
    AND hasura_session ->> 'x-hasura-worker-id' IS DISTINCT FROM worker THEN
    RAISE check_violation USING MESSAGE = format(
      'worker %s may not act as %s', coalesce(hasura_session ->> 'x-hasura-worker-id', 'without x-hasura-worker-id'), worker);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION platform.held_job(job_id uuid, attempt int, worker text, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM platform.check_worker(held_job.worker, hasura_session);
  RETURN QUERY SELECT * FROM /*job*/platform.job
    WHERE id = held_job.job_id AND attempt = held_job.attempt AND worker = held_job.worker
      AND status = 'IN_PROGRESS' AND lease_expires_at IS NOT NULL
    FOR UPDATE;
END
$$;

CREATE OR REPLACE FUNCTION platform.claim_job(
  worker text, types jsonb, lease_s double precision, request uuid, hasura_session json
) RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  wanted text;
  next_id uuid;
BEGIN
  PERFORM platform.check_worker(claim_job.worker, hasura_session);
  INSERT INTO platform.job_worker (id) VALUES (claim_job.worker) ON CONFLICT (id) DO UPDATE SET seen_at = now();
  RETURN QUERY SELECT * FROM /*job*/platform.job
    WHERE worker = claim_job.worker AND status = 'IN_PROGRESS' AND claim_request = claim_job.request;
  IF FOUND THEN
    RETURN;
  END IF;
  FOR wanted IN
    SELECT DISTINCT value FROM jsonb_array_elements_text(claim_job.types) ORDER BY value DESC
  LOOP
    SELECT id INTO next_id FROM /*job*/platform.job
      WHERE status IN ('NEW', 'ACKNOWLEDGED') AND type = wanted
        AND (not_before IS NULL OR not_before <= clock_timestamp())
      ORDER BY priority DESC, updated_at, id
      LIMIT 1
      FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      RETURN QUERY UPDATE /*job*/platform.job SET
        status = 'IN_PROGRESS', started_at = clock_timestamp(), ended_at = NULL, status_details = NULL,
        attempt = attempt + 1, worker = claim_job.worker, claim_request = claim_job.request,
        lease_expires_at = clock_timestamp() + make_interval(secs => claim_job.lease_s),
        progress = NULL, cancel_requested = false, errors = '[]', not_before = NULL
      WHERE id = next_id
      RETURNING *;
      RETURN;
    END IF;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION platform.heartbeat_job(
  job_id uuid, attempt int, worker text, lease_s double precision, progress double precision, status_details text,
  hasura_session json
) RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM platform.check_worker(heartbeat_job.worker, hasura_session);
  INSERT INTO platform.job_worker (id) VALUES (heartbeat_job.worker) ON CONFLICT (id) DO UPDATE SET seen_at = now();
  RETURN QUERY UPDATE /*job*/platform.job SET
    lease_expires_at = clock_timestamp() + make_interval(secs => heartbeat_job.lease_s),
    progress = coalesce(heartbeat_job.progress, progress),
    status_details = coalesce(heartbeat_job.status_details, status_details)
  WHERE id = heartbeat_job.job_id AND attempt = heartbeat_job.attempt AND worker = heartbeat_job.worker
    AND status = 'IN_PROGRESS' AND lease_expires_at IS NOT NULL
  RETURNING *;
END
$$;

-- Called before each write of the asset's object: an asset that is written again is IN_PROGRESS again.
CREATE OR REPLACE FUNCTION platform.begin_asset(
  job_id uuid, attempt int, worker text, name text, type text, path text, is_public_facing boolean,
  style_id text, body_id text, details jsonb, hasura_session json
) RETURNS SETOF "create".asset LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  known_id uuid;
  given jsonb := begin_asset.details || jsonb_build_object('attempt', begin_asset.attempt);
BEGIN
  PERFORM FROM platform.held_job(begin_asset.job_id, begin_asset.attempt, begin_asset.worker, hasura_session);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT id INTO known_id FROM "create".asset
    WHERE job_id = begin_asset.job_id AND name = begin_asset.name ORDER BY created_at DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY INSERT INTO "create".asset
      (job_id, name, type, status, path, is_public_facing, style_id, body_id, details)
    VALUES (begin_asset.job_id, begin_asset.name, begin_asset.type, 'IN_PROGRESS', begin_asset.path,
      begin_asset.is_public_facing, begin_asset.style_id, begin_asset.body_id, given)
    RETURNING *;
  ELSE
    RETURN QUERY UPDATE "create".asset SET
      type = begin_asset.type, status = 'IN_PROGRESS', path = begin_asset.path,
      is_public_facing = begin_asset.is_public_facing, details = given
    WHERE id = known_id
    RETURNING *;
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION platform.asset_uploaded(
  job_id uuid, attempt int, worker text, asset_id uuid, details jsonb, hasura_session json
) RETURNS SETOF "create".asset LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM platform.held_job(asset_uploaded.job_id, asset_uploaded.attempt, asset_uploaded.worker, hasura_session);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE "create".asset SET status = 'UPLOADED', details = coalesce(details, '{}') || asset_uploaded.details
    WHERE id = asset_uploaded.asset_id AND job_id = asset_uploaded.job_id
      AND (status <> 'UPLOADED' OR details IS NULL OR details || asset_uploaded.details <> details);
  RETURN QUERY SELECT * FROM "create".asset WHERE id = asset_uploaded.asset_id AND job_id = asset_uploaded.job_id;
  IF NOT FOUND THEN
    RAISE foreign_key_violation USING MESSAGE = format(
      'job %s has no asset %s', asset_uploaded.job_id, asset_uploaded.asset_id);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION platform.record_job_events(
  job_id uuid, attempt int, worker text, events jsonb, hasura_session json
) RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT * FROM platform.held_job(
    record_job_events.job_id, record_job_events.attempt, record_job_events.worker, hasura_session);
  IF FOUND THEN
    INSERT INTO platform.job_event (job_id, attempt, seq, time, event, fields)
    SELECT record_job_events.job_id, record_job_events.attempt, seq, time, event, fields
    FROM jsonb_to_recordset(record_job_events.events) AS e (seq int, time timestamptz, event text, fields jsonb)
    ON CONFLICT DO NOTHING;
  END IF;
END
$$;

-- The status details of a job that is put on hold because its process ended too often without an outcome.
CREATE OR REPLACE FUNCTION platform.on_hold(reason text, crashes int, job_id uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT format('%s; its process ended %s times without an outcome, so the job is on hold; '
    '`openjd-vs jobs release %s` puts it back into the queue', coalesce(reason, 'no reason is known'), crashes, job_id)
$$;

-- An attempt whose lease expired reports an outcome after all, so its process did not crash: its expiry counts no longer.
CREATE OR REPLACE FUNCTION platform.uncount_expiry(
  job_id uuid, attempt int, worker text, status_details text, max_crashes int
) RETURNS void LANGUAGE sql VOLATILE AS $$
  UPDATE /*job*/platform.job AS j SET
    expiries = j.expiries - uncount_expiry.attempt::text,
    crashes = greatest(j.crashes - 1, 0),
    auto_retries = greatest(coalesce(j.auto_retries, 0) - CASE WHEN on_hold THEN 0 ELSE 1 END, 0),
    status = CASE WHEN on_hold THEN 'NEW' ELSE j.status END,
    status_details = CASE WHEN on_hold OR j.status = 'NEW' THEN uncount_expiry.status_details ELSE j.status_details END
  FROM (
    SELECT id, status = 'ON_HOLD' AND crashes >= uncount_expiry.max_crashes AS on_hold FROM /*job*/platform.job
    WHERE id = uncount_expiry.job_id AND expiries ->> uncount_expiry.attempt::text = uncount_expiry.worker
    FOR UPDATE
  ) AS before
  WHERE j.id = before.id
$$;

-- Ends an attempt and hides the older assets of its styles: all or nothing. Repeating it returns the row unchanged.
CREATE OR REPLACE FUNCTION platform.finish_job(
  job_id uuid, attempt int, worker text, status text, status_details text, errors jsonb,
  hide_previous_style_assets boolean, counted boolean, pause boolean, crashed boolean, max_crashes int,
  hasura_session json
) RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  before /*job*/platform.job;
  after text := finish_job.status;
  pauses boolean;
BEGIN
  PERFORM platform.check_worker(finish_job.worker, hasura_session);
  IF after NOT IN ('NEW', 'COMPLETED_SUCCESS', 'COMPLETED_ERRORS', 'CANCELED') THEN
    RAISE check_violation USING MESSAGE = format('an attempt does not end as %s', after);
  END IF;
  SELECT * INTO before FROM /*job*/platform.job
    WHERE id = finish_job.job_id AND attempt = finish_job.attempt AND worker = finish_job.worker FOR UPDATE;
  IF NOT FOUND THEN
    IF finish_job.crashed IS NOT TRUE THEN
      PERFORM platform.uncount_expiry(
        finish_job.job_id, finish_job.attempt, finish_job.worker, finish_job.status_details, finish_job.max_crashes);
    END IF;
    RETURN;
  END IF;
  IF after = 'NEW' AND before.cancel_requested THEN
    after := 'CANCELED';
  ELSIF after = 'NEW' AND finish_job.crashed AND before.crashes + 1 >= finish_job.max_crashes THEN
    after := 'ON_HOLD';
  END IF;
  pauses := after = 'NEW' AND (coalesce(finish_job.pause, false) OR coalesce(finish_job.crashed, false));
  IF before.status = after OR (finish_job.crashed AND before.status IN ('NEW', 'ON_HOLD')) THEN
    RETURN NEXT before;
    RETURN;
  END IF;
  IF before.status <> 'IN_PROGRESS' OR before.lease_expires_at IS NULL THEN
    RETURN;
  END IF;
  IF finish_job.hide_previous_style_assets THEN
    UPDATE "create".asset SET is_public_facing = false
      WHERE is_public_facing AND job_id IS DISTINCT FROM before.id AND created_at < before.started_at
        AND style_id IN (SELECT style_id FROM "create".asset WHERE job_id = before.id AND status = 'UPLOADED');
  END IF;
  RETURN QUERY UPDATE /*job*/platform.job SET
    status = after, errors = finish_job.errors,
    status_details = CASE after
      WHEN 'ON_HOLD' THEN platform.on_hold(finish_job.status_details, crashes + 1, id)
      ELSE finish_job.status_details
    END,
    ended_at = CASE WHEN after NOT IN ('NEW', 'ON_HOLD') THEN clock_timestamp() END,
    progress = CASE after WHEN 'COMPLETED_SUCCESS' THEN 100 WHEN 'NEW' THEN NULL ELSE progress END,
    auto_retries = coalesce(auto_retries, 0) + CASE WHEN after = 'NEW' AND finish_job.counted THEN 1 ELSE 0 END,
    not_before = CASE WHEN pauses
      THEN clock_timestamp() + make_interval(secs => least(900, 5 * power(2, least(returns, 10)))) END,
    returns = returns + pauses::int,
    crashes = crashes + coalesce(finish_job.crashed, false)::int
  WHERE id = before.id
  RETURNING *;
END
$$;

-- Requeues jobs with an expired lease, or puts them on hold. It counts as a crash until the worker reports an outcome.
CREATE OR REPLACE FUNCTION platform.requeue_expired_jobs(max_crashes int)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  expired /*job*/platform.job;
  after text;
  reason text;
BEGIN
  FOR expired IN
    SELECT * FROM /*job*/platform.job WHERE status = 'IN_PROGRESS' AND lease_expires_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
  LOOP
    after := CASE
      WHEN expired.cancel_requested THEN 'CANCELED'
      WHEN expired.crashes + 1 < requeue_expired_jobs.max_crashes THEN 'NEW'
      ELSE 'ON_HOLD'
    END;
    reason := format('the lease of worker %s ran out in attempt %s', expired.worker, expired.attempt);
    RETURN QUERY UPDATE /*job*/platform.job SET
      status = after,
      status_details = CASE after WHEN 'ON_HOLD' THEN platform.on_hold(reason, crashes + 1, id) ELSE reason END,
      errors = jsonb_build_array(jsonb_build_object('stage', 'worker', 'message', reason)),
      ended_at = CASE WHEN after = 'CANCELED' THEN clock_timestamp() END,
      auto_retries = coalesce(auto_retries, 0) + CASE after WHEN 'NEW' THEN 1 ELSE 0 END,
      crashes = crashes + 1,
      expiries = expiries || jsonb_build_object(expired.attempt, expired.worker),
      worker = NULL, progress = NULL
    WHERE id = expired.id
    RETURNING *;
  END LOOP;
END
$$;

-- A session may change only the jobs that it requested, unless it is an administrator's.
CREATE OR REPLACE FUNCTION platform.steered_job(job_id uuid, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT * FROM /*job*/platform.job
    WHERE id = steered_job.job_id AND (
      coalesce(hasura_session ->> 'x-hasura-role', 'admin') = 'admin'
      OR requestor_id = hasura_session ->> 'x-hasura-user-id')
    FOR UPDATE;
END
$$;

CREATE OR REPLACE FUNCTION platform.cancel_job(job_id uuid, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  before /*job*/platform.job;
BEGIN
  SELECT * INTO before FROM platform.steered_job(cancel_job.job_id, hasura_session);
  IF before.status = 'IN_PROGRESS' AND before.lease_expires_at IS NOT NULL THEN
    RETURN QUERY UPDATE /*job*/platform.job SET cancel_requested = true WHERE id = before.id RETURNING *;
  ELSIF before.status IN ('NEW', 'ACKNOWLEDGED', 'ON_HOLD') THEN
    RETURN QUERY UPDATE /*job*/platform.job SET
      status = 'CANCELED', status_details = 'canceled before it began', ended_at = clock_timestamp()
    WHERE id = before.id RETURNING *;
  ELSIF before.status = 'CANCELED' THEN
    RETURN NEXT before;
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION platform.retry_job(job_id uuid, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  before /*job*/platform.job;
BEGIN
  SELECT * INTO before FROM platform.steered_job(retry_job.job_id, hasura_session);
  IF before.status IN ('COMPLETED_SUCCESS', 'COMPLETED_ERRORS', 'CANCELED') THEN
    RETURN QUERY UPDATE /*job*/platform.job SET
      status = 'NEW', status_details = NULL, errors = '[]', started_at = NULL, ended_at = NULL, worker = NULL,
      progress = NULL, cancel_requested = false, auto_retries = 0, not_before = NULL, returns = 0, crashes = 0,
      expiries = '{}'
    WHERE id = before.id RETURNING *;
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION platform.hold_job(job_id uuid, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY UPDATE /*job*/platform.job SET status = 'ON_HOLD'
    WHERE id = (SELECT id FROM platform.steered_job(hold_job.job_id, hasura_session)) AND status IN ('NEW', 'ACKNOWLEDGED')
    RETURNING *;
END
$$;

CREATE OR REPLACE FUNCTION platform.release_job(job_id uuid, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY UPDATE /*job*/platform.job SET
      status = 'NEW', not_before = NULL, returns = 0, crashes = 0, expiries = '{}'
    WHERE id = (SELECT id FROM platform.steered_job(release_job.job_id, hasura_session)) AND status = 'ON_HOLD'
    RETURNING *;
END
$$;

DO $$
DECLARE
  made regprocedure;
BEGIN
  FOR made IN SELECT oid FROM pg_proc
    WHERE pronamespace = 'platform'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
      AND proname IN ('check_worker', 'held_job', 'claim_job', 'heartbeat_job', 'begin_asset', 'asset_uploaded',
        'record_job_events', 'on_hold', 'uncount_expiry', 'finish_job', 'requeue_expired_jobs', 'steered_job', 'cancel_job',
        'retry_job', 'hold_job', 'release_job')
  LOOP
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', made, 'made by openjd-vstitcher');
  END LOOP;
END
$$;
