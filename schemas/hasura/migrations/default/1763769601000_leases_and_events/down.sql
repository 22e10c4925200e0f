-- Canceled jobs become errors, the status that today's readers know.
DROP TRIGGER openjd_vstitcher_note_job ON /*job*/platform.job;
DROP TRIGGER openjd_vstitcher_end_lease ON /*job*/platform.job;
DROP FUNCTION platform.openjd_vstitcher_note_job();
DROP FUNCTION platform.openjd_vstitcher_end_lease();
UPDATE /*job*/platform.job SET status = 'COMPLETED_ERRORS' WHERE status = 'CANCELED';
DELETE FROM platform.job_status WHERE value = 'CANCELED';
DROP TABLE platform.job_event;
DROP TABLE platform.job_worker;
ALTER TABLE /*job*/platform.job
  DROP COLUMN expiries,
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
