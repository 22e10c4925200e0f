ALTER TABLE "create".asset DROP CONSTRAINT IF EXISTS asset_job_id_name_key;
DROP INDEX IF EXISTS "create".asset_job_id_name_key;
DROP INDEX IF EXISTS "create".asset_job_id_name;
DROP INDEX IF EXISTS "create".asset_public_of_style;
