-- Drops the tables that up.sql created, and keeps those that existed before.
DO $$
DECLARE
  made regclass;
BEGIN
  FOREACH made IN ARRAY array_remove(ARRAY[
    to_regclass('"create".asset'), to_regclass('"create".asset_type'), to_regclass(/*job*/'platform.job'),
    to_regclass('platform.job_preset'), to_regclass('platform.job_type'), to_regclass('platform.job_status')
  ], NULL) LOOP
    IF obj_description(made, 'pg_class') = 'made by openjd-vstitcher' THEN
      EXECUTE format('DROP TABLE %s', made);
    END IF;
  END LOOP;
END
$$;

DROP FUNCTION IF EXISTS platform.openjd_vstitcher_set_updated_at();

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['platform', 'create'] LOOP
    IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(name)))
      AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(name))) THEN
      EXECUTE format('DROP SCHEMA IF EXISTS %I', name);
    END IF;
  END LOOP;
END
$$;
