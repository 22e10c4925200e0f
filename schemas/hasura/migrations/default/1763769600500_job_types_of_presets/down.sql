ALTER TABLE platform.job_preset DROP COLUMN IF EXISTS job_type;
