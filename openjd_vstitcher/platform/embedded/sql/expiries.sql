-- Which leases of a job expired, by attempt, and under which worker: a late report takes the crash back.
ALTER TABLE job ADD COLUMN expiries TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(expiries));
