-- `openjd-vs platform migrate` builds these before, without blocking writers: see concurrently.sql.
SET LOCAL lock_timeout = '1s';
CREATE INDEX IF NOT EXISTS job_claimable ON /*job*/platform.job (type, priority DESC, updated_at, id) WHERE status IN ('NEW', 'ACKNOWLEDGED');
CREATE INDEX IF NOT EXISTS job_leased ON /*job*/platform.job (lease_expires_at) WHERE status = 'IN_PROGRESS';
CREATE INDEX IF NOT EXISTS job_held ON /*job*/platform.job (worker, claim_request) WHERE status = 'IN_PROGRESS';
CREATE INDEX IF NOT EXISTS job_created_at ON /*job*/platform.job (created_at);
