-- The type of job that a preset is for, if it is for one only.
SET LOCAL lock_timeout = '1s';
ALTER TABLE platform.job_preset ADD COLUMN IF NOT EXISTS job_type text;
