-- Gives the statements that build the indexes of up.sql without blocking writers; each is to run outside a transaction.
-- Hasura's own tool does not read this file.
WITH twice AS (
  SELECT EXISTS (
    SELECT FROM "create".asset WHERE job_id IS NOT NULL GROUP BY job_id, name HAVING count(*) > 1) AS found
)
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %s', indexrelid::regclass) FROM pg_index
  WHERE NOT indisvalid AND indexrelid IN (to_regclass('"create".asset_public_of_style'),
    to_regclass('"create".asset_job_id_name_key'), to_regclass('"create".asset_job_id_name'))
UNION ALL SELECT
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_public_of_style ON "create".asset (style_id) WHERE is_public_facing'
UNION ALL SELECT
  'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS asset_job_id_name_key ON "create".asset (job_id, name)'
  || CASE WHEN found THEN format(' WHERE created_at > %L', (SELECT max(created_at) FROM "create".asset)) ELSE '' END
  FROM twice
UNION ALL SELECT
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS asset_job_id_name ON "create".asset (job_id, name)' FROM twice WHERE found;
