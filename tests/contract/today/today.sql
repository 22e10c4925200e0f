-- The platform's tables as they are in deployments of today, with rows that such deployments have.
CREATE SCHEMA platform;
CREATE SCHEMA "create";

CREATE TABLE platform.job_status (value text PRIMARY KEY, comment text);
INSERT INTO platform.job_status (value) VALUES
  ('NEW'), ('ACKNOWLEDGED'), ('IN_PROGRESS'), ('COMPLETED_SUCCESS'), ('COMPLETED_ERRORS'), ('ON_HOLD');

CREATE TABLE platform.job_type (value text PRIMARY KEY, comment text);
INSERT INTO platform.job_type (value) VALUES
  ('DXA_EXPORT_BODY_BUNDLE'), ('DXA_EXPORT_ASSET_BUNDLE'), ('BRAND_ONBOARDING'), ('TEST');

CREATE TABLE platform.job_preset (
  key text PRIMARY KEY,
  name text,
  version int,
  details jsonb,
  description text,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);

CREATE TABLE platform.job (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  status text REFERENCES platform.job_status,
  status_details text,
  type text REFERENCES platform.job_type,
  preset_key text REFERENCES platform.job_preset,
  requestor_id text,
  details jsonb,
  priority int,
  started_at timestamptz,
  ended_at timestamptz,
  auto_retries int
);

CREATE TABLE "create".asset_type (value text PRIMARY KEY, comment text);
INSERT INTO "create".asset_type (value) VALUES
  ('MEDIA_RENDER'), ('MEDIA_RENDER_RAY_TRACE'), ('MEDIA_3D_SCENE'), ('DXA_ASSET_BUNDLE'), ('TURNTABLE'), ('SCAN');

CREATE TABLE "create".asset (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  type text REFERENCES "create".asset_type,
  status text,
  style_id text,
  body_id text,
  job_id uuid REFERENCES platform.job,
  details jsonb,
  path text,
  is_public_facing bool,
  name text
);

CREATE FUNCTION public.set_current_timestamp_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;
CREATE TRIGGER set_platform_job_updated_at BEFORE UPDATE ON platform.job
  FOR EACH ROW EXECUTE FUNCTION public.set_current_timestamp_updated_at();
CREATE TRIGGER set_create_asset_updated_at BEFORE UPDATE ON "create".asset
  FOR EACH ROW EXECUTE FUNCTION public.set_current_timestamp_updated_at();
