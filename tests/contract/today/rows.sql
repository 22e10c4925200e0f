INSERT INTO platform.job_preset (key, name, version, details) VALUES
  ('onboarding_v0', 'onboarding', 0, '{"instructions": []}'),
  ('nameless_v0', NULL, NULL, '{"instructions": []}');

INSERT INTO platform.job
  (id, created_at, updated_at, status, status_details, type, preset_key, details, priority, started_at, ended_at, auto_retries)
VALUES
  ('00000000-0000-4000-8000-000000000001', '2024-03-01 10:00+00', '2024-03-01 10:09+00', 'COMPLETED_SUCCESS', NULL,
   'BRAND_ONBOARDING', 'onboarding_v0', '{"style_id": "style-1"}', 0, '2024-03-01 10:01+00', '2024-03-01 10:09+00', 0),
  ('00000000-0000-4000-8000-000000000002', '2024-03-02 10:00+00', '2024-03-02 11:09+00', 'COMPLETED_ERRORS',
   'timed out after 60 minutes', 'BRAND_ONBOARDING', 'onboarding_v0', '{"style_id": "style-2"}', NULL,
   '2024-03-02 10:01+00', '2024-03-02 11:09+00', 3),
  ('00000000-0000-4000-8000-000000000003', '2024-03-03 10:00+00', '2024-03-03 10:00+00', 'IN_PROGRESS', NULL,
   'DXA_EXPORT_ASSET_BUNDLE', 'onboarding_v0', '{"style_id": "style-1"}', NULL, '2024-03-03 10:01+00', NULL, NULL),
  ('00000000-0000-4000-8000-000000000004', '2024-03-04 10:00+00', '2024-03-04 10:00+00', 'NEW', NULL,
   'DXA_EXPORT_BODY_BUNDLE', 'nameless_v0', NULL, NULL, NULL, NULL, NULL),
  ('00000000-0000-4000-8000-000000000005', '2024-03-05 10:00+00', '2024-03-05 10:00+00', 'ON_HOLD', NULL,
   'TEST', 'onboarding_v0', '{}', 3, NULL, NULL, 0);

INSERT INTO "create".asset (id, created_at, type, status, style_id, job_id, details, path, is_public_facing, name) VALUES
  ('00000000-0000-4000-8000-0000000000a1', '2024-03-01 10:05+00', 'MEDIA_RENDER', 'UPLOADED', 'style-1',
   '00000000-0000-4000-8000-000000000001', NULL, 's3://style-assets/1/front.png', true, 'front.png'),
  ('00000000-0000-4000-8000-0000000000a2', '2024-03-01 10:06+00', 'MEDIA_RENDER', 'UPLOADED', 'style-1',
   '00000000-0000-4000-8000-000000000001', '{}', 's3://style-assets/1/front.png', true, 'front.png'),
  ('00000000-0000-4000-8000-0000000000a3', '2024-03-01 10:07+00', 'MEDIA_3D_SCENE', 'IN_PROGRESS', 'style-1',
   NULL, NULL, NULL, NULL, NULL);
