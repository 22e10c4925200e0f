ALTER TABLE job ADD COLUMN result TEXT CHECK (result IS NULL OR json_valid(result));
ALTER TABLE job ADD COLUMN done TEXT CHECK (done IS NULL OR json_valid(done));
INSERT OR IGNORE INTO asset_type VALUES ('DATA'), ('DOCUMENT'), ('VIDEO'), ('VSTITCHER_FILE');
