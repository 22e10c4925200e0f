-- Gives the statements that build the indexes of up.sql without blocking writers; each is to run outside a transaction.
-- Hasura's own tool does not read this file.
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %s', indexrelid::regclass) FROM pg_index
  JOIN pg_class ON pg_class.oid = indexrelid
  WHERE NOT indisvalid AND indrelid = to_regclass(/*job*/'platform.job')
    AND relname IN ('job_claimable', 'job_leased', 'job_held', 'job_created_at')
UNION ALL SELECT $$CREATE INDEX CONCURRENTLY IF NOT EXISTS job_claimable
  ON /*job*/platform.job (type, priority DESC, updated_at, id) WHERE status IN ('NEW', 'ACKNOWLEDGED')$$
UNION ALL SELECT $$CREATE INDEX CONCURRENTLY IF NOT EXISTS job_leased
  ON /*job*/platform.job (lease_expires_at) WHERE status = 'IN_PROGRESS'$$
UNION ALL SELECT $$CREATE INDEX CONCURRENTLY IF NOT EXISTS job_held
  ON /*job*/platform.job (worker, claim_request) WHERE status = 'IN_PROGRESS'$$
UNION ALL SELECT $$CREATE INDEX CONCURRENTLY IF NOT EXISTS job_created_at
  ON /*job*/platform.job (created_at)$$;
