-- What changed, in the order of the changes: a row for each job, which moves to the end, and one for each event.
CREATE TABLE change (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  event_id INTEGER
) STRICT;
CREATE UNIQUE INDEX change_of_job ON change (job_id) WHERE event_id IS NULL;
CREATE INDEX change_of_event ON change (job_id) WHERE event_id IS NOT NULL;

CREATE TRIGGER job_inserted AFTER INSERT ON job BEGIN
  INSERT INTO change (job_id) VALUES (new.id);
END;

CREATE TRIGGER job_updated AFTER UPDATE ON job BEGIN
  DELETE FROM change WHERE job_id = new.id AND event_id IS NULL;
  INSERT INTO change (job_id) VALUES (new.id);
END;

CREATE TRIGGER job_deleted AFTER DELETE ON job BEGIN
  DELETE FROM change WHERE job_id = old.id;
  INSERT INTO change (job_id) VALUES (old.id);
END;

CREATE TRIGGER job_event_inserted AFTER INSERT ON job_event BEGIN
  INSERT INTO change (job_id, event_id) VALUES (new.job_id, new.id);
END;
