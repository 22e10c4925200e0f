-- `openjd-vs platform migrate` builds these before, without blocking writers: see concurrently.sql.
SET LOCAL lock_timeout = '1s';
CREATE INDEX IF NOT EXISTS asset_public_of_style ON "create".asset (style_id) WHERE is_public_facing;

-- Existing rows may contain a name twice for one job. They do not change; the key applies to newer rows.
DO $$
BEGIN
  IF to_regclass('"create".asset_job_id_name_key') IS NULL THEN
    IF EXISTS (SELECT FROM "create".asset WHERE job_id IS NOT NULL GROUP BY job_id, name HAVING count(*) > 1) THEN
      EXECUTE format(
        'CREATE UNIQUE INDEX asset_job_id_name_key ON "create".asset (job_id, name) WHERE created_at > %L',
        (SELECT max(created_at) FROM "create".asset));
    ELSE
      CREATE UNIQUE INDEX asset_job_id_name_key ON "create".asset (job_id, name);
    END IF;
  END IF;
  IF EXISTS (
    SELECT FROM pg_index WHERE indexrelid = to_regclass('"create".asset_job_id_name_key') AND indpred IS NOT NULL
  ) THEN
    CREATE INDEX IF NOT EXISTS asset_job_id_name ON "create".asset (job_id, name);
  ELSIF NOT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = '"create".asset'::regclass AND conname = 'asset_job_id_name_key'
  ) THEN
    ALTER TABLE "create".asset ADD CONSTRAINT asset_job_id_name_key UNIQUE USING INDEX asset_job_id_name_key;
  END IF;
END
$$;
