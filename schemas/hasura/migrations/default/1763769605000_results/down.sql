-- Asset types that assets have stay.
SET LOCAL lock_timeout = '1s';
DROP FUNCTION platform.retry_failed_job(uuid, jsonb, json);
DROP FUNCTION platform.end_attempt(uuid, int, text, text, text, jsonb, boolean, boolean, boolean, boolean, int, jsonb, json);
DROP TRIGGER openjd_vstitcher_forget_result ON /*job*/platform.job;
DROP FUNCTION platform.openjd_vstitcher_forget_result();
DELETE FROM "create".asset_type
  WHERE comment = 'made by openjd-vstitcher' AND NOT EXISTS (SELECT FROM "create".asset WHERE type = value);
ALTER TABLE /*job*/platform.job
  DROP COLUMN done,
  DROP COLUMN result;
