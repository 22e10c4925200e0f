-- Results of jobs, what a retry does not run again, and the asset types of files that are not exports.
SET LOCAL lock_timeout = '1s';

DO $$
DECLARE
  other text;
BEGIN
  SELECT string_agg(oid::regprocedure::text, ', ') INTO other FROM pg_proc
    WHERE pronamespace = 'platform'::regnamespace
      AND obj_description(oid, 'pg_proc') IS DISTINCT FROM 'made by openjd-vstitcher'
      AND proname IN ('end_attempt', 'retry_failed_job');
  IF other IS NOT NULL THEN
    RAISE EXCEPTION '% exists, and openjd-vstitcher has not made it', other;
  END IF;
END
$$;

ALTER TABLE /*job*/platform.job
  ADD COLUMN IF NOT EXISTS result jsonb,
  ADD COLUMN IF NOT EXISTS done jsonb;
COMMENT ON COLUMN /*job*/platform.job.result IS 'what the last attempt returned';
COMMENT ON COLUMN /*job*/platform.job.done IS 'the steps that a retry does not run again, and the SHA-256 of their template';

INSERT INTO "create".asset_type (value, comment) VALUES
  ('DATA', 'made by openjd-vstitcher'), ('DOCUMENT', 'made by openjd-vstitcher'),
  ('VIDEO', 'made by openjd-vstitcher'), ('VSTITCHER_FILE', 'made by openjd-vstitcher')
ON CONFLICT DO NOTHING;

-- A job that waits again has no result. One that is retried runs every step, unless retry_failed_job says otherwise.
CREATE OR REPLACE FUNCTION platform.openjd_vstitcher_forget_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.result := NULL;
  IF OLD.status <> 'IN_PROGRESS' AND NEW.status = 'NEW' THEN
    NEW.done := NULL;
  END IF;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER openjd_vstitcher_forget_result BEFORE UPDATE ON /*job*/platform.job FOR EACH ROW
  WHEN (OLD.status IN ('IN_PROGRESS', 'COMPLETED_SUCCESS', 'COMPLETED_ERRORS', 'CANCELED')
    AND NEW.status IN ('NEW', 'ACKNOWLEDGED', 'ON_HOLD'))
  EXECUTE FUNCTION platform.openjd_vstitcher_forget_result();

-- Ends an attempt as finish_job does, and stores its result with it: all or nothing.
CREATE OR REPLACE FUNCTION platform.end_attempt(
  job_id uuid, attempt int, worker text, status text, status_details text, errors jsonb,
  hide_previous_style_assets boolean, counted boolean, pause boolean, crashed boolean, max_crashes int,
  result jsonb, hasura_session json
) RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM platform.finish_job(
    end_attempt.job_id, end_attempt.attempt, end_attempt.worker, end_attempt.status, end_attempt.status_details,
    end_attempt.errors, end_attempt.hide_previous_style_assets, end_attempt.counted, end_attempt.pause,
    end_attempt.crashed, end_attempt.max_crashes, end_attempt.hasura_session);
  IF FOUND THEN
    RETURN QUERY UPDATE /*job*/platform.job SET result = end_attempt.result
      WHERE id = end_attempt.job_id AND attempt = end_attempt.attempt AND worker = end_attempt.worker
      RETURNING *;
  END IF;
END
$$;

-- Puts an ended job back into the queue as retry_job does, without the steps that succeeded.
CREATE OR REPLACE FUNCTION platform.retry_failed_job(job_id uuid, done jsonb, hasura_session json)
RETURNS SETOF /*job*/platform.job LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM platform.retry_job(retry_failed_job.job_id, retry_failed_job.hasura_session);
  IF FOUND THEN
    RETURN QUERY UPDATE /*job*/platform.job SET done = retry_failed_job.done
      WHERE id = retry_failed_job.job_id RETURNING *;
  END IF;
END
$$;

DO $$
DECLARE
  made regprocedure;
BEGIN
  FOR made IN SELECT oid FROM pg_proc
    WHERE pronamespace = 'platform'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
      AND proname IN ('end_attempt', 'retry_failed_job')
  LOOP
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', made, 'made by openjd-vstitcher');
  END LOOP;
END
$$;
