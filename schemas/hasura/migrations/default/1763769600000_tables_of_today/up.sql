-- Creates the platform's existing tables in a database that does not have them yet.
-- A comment marks what this creates, so that down.sql drops nothing else.
-- Every up.sql can be repeated, and locks at most one table that is in use. See README.md.
CREATE SCHEMA IF NOT EXISTS platform;
CREATE SCHEMA IF NOT EXISTS "create";

CREATE OR REPLACE FUNCTION platform.openjd_vstitcher_set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END
$$;

DO $$
BEGIN
  IF to_regclass('platform.job_status') IS NULL THEN
    CREATE TABLE platform.job_status (value text PRIMARY KEY, comment text);
    COMMENT ON TABLE platform.job_status IS 'made by openjd-vstitcher';
    INSERT INTO platform.job_status VALUES
      ('NEW', 'waits to be claimed'),
      ('ACKNOWLEDGED', 'waits to be claimed; somebody has seen it'),
      ('IN_PROGRESS', 'a worker has claimed it'),
      ('COMPLETED_SUCCESS', 'all its exports were made'),
      ('COMPLETED_ERRORS', 'ended with at least one failure'),
      ('ON_HOLD', 'waits and is not to be claimed');
  END IF;

  IF to_regclass('platform.job_type') IS NULL THEN
    CREATE TABLE platform.job_type (value text PRIMARY KEY, comment text);
    COMMENT ON TABLE platform.job_type IS 'made by openjd-vstitcher';
    INSERT INTO platform.job_type VALUES
      ('DXA_EXPORT_BODY_BUNDLE', 'exports of a body'),
      ('DXA_EXPORT_ASSET_BUNDLE', 'exports of a style'),
      ('BRAND_ONBOARDING', 'first pictures and scene of a style'),
      ('TEST', 'a try');
  END IF;

  IF to_regclass('platform.job_preset') IS NULL THEN
    CREATE TABLE platform.job_preset (
      key text PRIMARY KEY,
      name text NOT NULL,
      version int NOT NULL DEFAULT 0,
      details jsonb NOT NULL,
      description text,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE platform.job_preset IS 'made by openjd-vstitcher';
    CREATE TRIGGER set_updated_at BEFORE UPDATE ON platform.job_preset
      FOR EACH ROW EXECUTE FUNCTION platform.openjd_vstitcher_set_updated_at();
  END IF;

  IF to_regclass(/*job*/'platform.job') IS NULL THEN
    CREATE TABLE /*job*/platform.job (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      status text NOT NULL DEFAULT 'NEW' REFERENCES platform.job_status,
      status_details text,
      type text NOT NULL REFERENCES platform.job_type,
      preset_key text NOT NULL REFERENCES platform.job_preset,
      requestor_id text,
      details jsonb NOT NULL DEFAULT '{}',
      priority int NOT NULL DEFAULT 0,
      started_at timestamptz,
      ended_at timestamptz,
      auto_retries int NOT NULL DEFAULT 0
    );
    COMMENT ON TABLE /*job*/platform.job IS 'made by openjd-vstitcher';
    CREATE TRIGGER set_updated_at BEFORE UPDATE ON /*job*/platform.job
      FOR EACH ROW EXECUTE FUNCTION platform.openjd_vstitcher_set_updated_at();
  END IF;

  IF to_regclass('"create".asset_type') IS NULL THEN
    CREATE TABLE "create".asset_type (value text PRIMARY KEY, comment text);
    COMMENT ON TABLE "create".asset_type IS 'made by openjd-vstitcher';
    INSERT INTO "create".asset_type (value) VALUES
      ('MEDIA_RENDER'), ('MEDIA_RENDER_RAY_TRACE'), ('MEDIA_3D_SCENE'), ('DXA_ASSET_BUNDLE'), ('TURNTABLE'), ('SCAN'),
      ('VSTITCHER_FILE');
  END IF;

  IF to_regclass('"create".asset') IS NULL THEN
    CREATE TABLE "create".asset (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      type text NOT NULL REFERENCES "create".asset_type,
      status text NOT NULL,
      style_id text,
      body_id text,
      job_id uuid REFERENCES /*job*/platform.job,
      details jsonb NOT NULL DEFAULT '{}',
      path text,
      is_public_facing boolean NOT NULL DEFAULT false,
      name text
    );
    COMMENT ON TABLE "create".asset IS 'made by openjd-vstitcher';
    CREATE TRIGGER set_updated_at BEFORE UPDATE ON "create".asset
      FOR EACH ROW EXECUTE FUNCTION platform.openjd_vstitcher_set_updated_at();
  END IF;
END
$$;

-- What stands in the way of the next migrations is refused here, before anything has changed. The functions compare
-- statuses and types as text.
DO $$
DECLARE
  other text;
BEGIN
  SELECT string_agg(format('%s has the type %s, expected %s', attname, format_type(atttypid, NULL), expected), '; ')
    INTO other
    FROM pg_attribute JOIN (VALUES
      ('status', 'text'), ('type', 'text'), ('preset_key', 'text'), ('attempt', 'integer'), ('worker', 'text'),
      ('lease_expires_at', 'timestamp with time zone'), ('claim_request', 'uuid'), ('progress', 'double precision'),
      ('cancel_requested', 'boolean'), ('errors', 'jsonb'), ('not_before', 'timestamp with time zone'),
      ('returns', 'integer'), ('crashes', 'integer'), ('result', 'jsonb'), ('done', 'jsonb')
    ) AS needed (name, expected) ON attname = name
    WHERE attrelid = to_regclass(/*job*/'platform.job')
      AND replace(format_type(atttypid, NULL), 'character varying', 'text') <> expected;
  IF other IS NOT NULL THEN
    RAISE EXCEPTION 'the table of jobs cannot be extended: %', other
      USING HINT = 'workers can use it as it is, without leases';
  END IF;
  IF to_regclass('platform.job_event') IS NOT NULL
    AND obj_description(to_regclass('platform.job_event'), 'pg_class') IS DISTINCT FROM 'made by openjd-vstitcher' THEN
    RAISE EXCEPTION 'platform.job_event exists, and openjd-vstitcher has not made it';
  END IF;
END
$$;
