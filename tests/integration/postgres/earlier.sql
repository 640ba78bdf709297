-- What an installation of the first revision might hold.
INSERT INTO tenant (tenant_id, slug, name) VALUES ('00000000-0000-4000-8000-000000000000', 'acme', 'Acme');
INSERT INTO principal (tenant_id, principal_id, issuer, subject, handle, kind) VALUES
  ('00000000-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000001', 'iss', 'ada', 'ada', 'human'),
  ('00000000-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000002', 'iss', 'bob', 'bob', 'human');
INSERT INTO flag_set (tenant_id, environment) VALUES ('00000000-0000-4000-8000-000000000000', 'dev');
INSERT INTO flag (tenant_id, environment, key, version, definition, origin) VALUES
  ('00000000-0000-4000-8000-000000000000', 'dev', 'till', 1, '{}', 'api');
INSERT INTO flag_version (tenant_id, environment, key, version, definition, origin) VALUES
  ('00000000-0000-4000-8000-000000000000', 'dev', 'till', 1, '{}', 'api');
INSERT INTO delegation (tenant_id, giver, taker, starts, ends) VALUES
  ('00000000-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000001',
   '00000000-0000-4000-8000-000000000002', now(), now() + interval '1 day');
INSERT INTO review (tenant_id, review_id, environment, key, opened_by, reason, due_at) VALUES
  ('00000000-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000003', 'dev', 'till',
   '00000000-0000-4000-8000-000000000001', 'why', now());
