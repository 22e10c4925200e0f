-- Adds leases, fencing, progress and events. It only adds: today's readers and writers continue to work.
SET LOCAL lock_timeout = '1s';

INSERT INTO platform.job_status (value) VALUES ('CANCELED') ON CONFLICT DO NOTHING;

ALTER TABLE /*job*/platform.job
  ADD COLUMN IF NOT EXISTS attempt int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS worker text,
  ADD COLUMN IF NOT EXISTS lease_expires_at timestamptz,
  ADD COLUMN IF NOT EXISTS claim_request uuid,
  ADD COLUMN IF NOT EXISTS progress double precision,
  ADD COLUMN IF NOT EXISTS cancel_requested boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS errors jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN IF NOT EXISTS not_before timestamptz,
  ADD COLUMN IF NOT EXISTS returns int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS crashes int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS expiries jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN /*job*/platform.job.attempt IS 'counts the claims and never decreases';
COMMENT ON COLUMN /*job*/platform.job.worker IS 'the worker that holds the job, or the last one that held it';
COMMENT ON COLUMN /*job*/platform.job.lease_expires_at IS 'null unless a worker that keeps leases holds the job';
COMMENT ON COLUMN /*job*/platform.job.claim_request IS 'the id of the request that made the claim; repeating the request returns the same claim';
COMMENT ON COLUMN /*job*/platform.job.progress IS 'of the running attempt, in percent';
COMMENT ON COLUMN /*job*/platform.job.not_before IS 'when the job can be claimed again; null if at once';
COMMENT ON COLUMN /*job*/platform.job.returns IS 'how often it went back into the queue because something was in the way';
COMMENT ON COLUMN /*job*/platform.job.crashes IS 'how often a process ended without an outcome while it held the job';
COMMENT ON COLUMN /*job*/platform.job.expiries IS 'the worker of each attempt whose lease expired, until it reports an outcome';

CREATE TABLE IF NOT EXISTS platform.job_worker (
  id text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE platform.job_worker IS 'every worker that has asked for a job, and when it was last seen';

CREATE TABLE IF NOT EXISTS platform.job_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id uuid NOT NULL REFERENCES /*job*/platform.job ON DELETE CASCADE,
  attempt int NOT NULL,
  seq int NOT NULL DEFAULT 0,
  time timestamptz NOT NULL DEFAULT clock_timestamp(),
  event text NOT NULL,
  fields jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE platform.job_event IS 'made by openjd-vstitcher';
COMMENT ON COLUMN platform.job_event.seq IS 'position in the journal of the attempt; 0 for events that the database recorded itself';
CREATE UNIQUE INDEX IF NOT EXISTS job_event_recorded ON platform.job_event (job_id, attempt, seq) WHERE seq > 0;
CREATE INDEX IF NOT EXISTS job_event_of_job ON platform.job_event (job_id, id);

-- Any change from IN_PROGRESS to another status ends the lease, also one by today's runners and scripts.
CREATE OR REPLACE FUNCTION platform.openjd_vstitcher_end_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.lease_expires_at := NULL;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER openjd_vstitcher_end_lease BEFORE UPDATE ON /*job*/platform.job FOR EACH ROW
  WHEN (OLD.status = 'IN_PROGRESS' AND NEW.status <> 'IN_PROGRESS') EXECUTE FUNCTION platform.openjd_vstitcher_end_lease();

CREATE OR REPLACE FUNCTION platform.openjd_vstitcher_note_job() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, platform AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO platform.job_event (job_id, attempt, event, fields)
    VALUES (NEW.id, NEW.attempt, 'submitted', jsonb_build_object('status', NEW.status));
  ELSIF OLD.status IS DISTINCT FROM NEW.status THEN
    INSERT INTO platform.job_event (job_id, attempt, event, fields)
    VALUES (NEW.id, NEW.attempt, 'status_changed', jsonb_build_object(
      'from', OLD.status, 'to', NEW.status, 'worker', NEW.worker, 'status_details', NEW.status_details));
  ELSIF NEW.cancel_requested AND NOT OLD.cancel_requested THEN
    INSERT INTO platform.job_event (job_id, attempt, event) VALUES (NEW.id, NEW.attempt, 'cancel_requested');
  END IF;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER openjd_vstitcher_note_job AFTER INSERT OR UPDATE OF status, cancel_requested ON /*job*/platform.job
  FOR EACH ROW EXECUTE FUNCTION platform.openjd_vstitcher_note_job();
