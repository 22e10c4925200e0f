-- Canceled jobs become errors, the status that today's readers know.
DROP TRIGGER note_job ON /*job*/platform.job;
DROP TRIGGER end_lease ON /*job*/platform.job;
DROP FUNCTION platform.note_job();
DROP FUNCTION platform.end_lease();
UPDATE /*job*/platform.job SET status = 'COMPLETED_ERRORS' WHERE status = 'CANCELED';
DELETE FROM platform.job_status WHERE value = 'CANCELED';
DROP TABLE platform.job_event;
DROP TABLE platform.worker;
ALTER TABLE "create".asset DROP CONSTRAINT IF EXISTS asset_job_id_name_key;
DROP INDEX IF EXISTS "create".asset_job_id_name_key;
DROP INDEX IF EXISTS "create".asset_job_id_name;
DROP INDEX "create".asset_public_of_style;
DROP INDEX /*job_schema*/platform.job_created_at;
DROP INDEX /*job_schema*/platform.job_held;
DROP INDEX /*job_schema*/platform.job_leased;
DROP INDEX /*job_schema*/platform.job_claimable;
ALTER TABLE platform.job_preset DROP COLUMN job_type;
ALTER TABLE /*job*/platform.job
  DROP COLUMN crashes,
  DROP COLUMN returns,
  DROP COLUMN not_before,
  DROP COLUMN errors,
  DROP COLUMN cancel_requested,
  DROP COLUMN progress,
  DROP COLUMN claim_request,
  DROP COLUMN lease_expires_at,
  DROP COLUMN worker,
  DROP COLUMN attempt;
