DROP INDEX IF EXISTS /*job_schema*/platform.job_created_at;
DROP INDEX IF EXISTS /*job_schema*/platform.job_held;
DROP INDEX IF EXISTS /*job_schema*/platform.job_leased;
DROP INDEX IF EXISTS /*job_schema*/platform.job_claimable;
