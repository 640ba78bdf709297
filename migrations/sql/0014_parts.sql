SET LOCAL ROLE changegate_owner;

-- What a rollout does to one target of one tenant: its own, or one below it. Rows are of the rollout's tenant.
CREATE TABLE rollout_part (
  tenant_id     uuid NOT NULL,
  rollout_id    uuid NOT NULL,
  ordinal       int NOT NULL CHECK (ordinal >= 0),
  target_tenant uuid NOT NULL REFERENCES tenant,
  slug          text NOT NULL,
  environment   environment NOT NULL,
  kind          text NOT NULL,
  key           text NOT NULL,
  base_version  bigint NOT NULL CHECK (base_version >= 0),
  live_version  bigint NOT NULL CHECK (live_version >= base_version),
  stage         int NOT NULL CHECK (stage >= 0),
  state         text NOT NULL CHECK (state IN ('pending', 'applied', 'restored', 'drifted', 'skipped', 'accepted')),
  revision      bigint NOT NULL DEFAULT 0,
  held          jsonb,
  why           text NOT NULL DEFAULT '',
  refusals      int NOT NULL DEFAULT 0 CHECK (refusals >= 0),
  PRIMARY KEY (tenant_id, rollout_id, ordinal),
  UNIQUE (tenant_id, rollout_id, target_tenant, environment, kind, key),
  FOREIGN KEY (tenant_id, rollout_id) REFERENCES rollout
);
CREATE INDEX rollout_part_by_target ON rollout_part (tenant_id, environment, kind, key);

-- Rollouts that are open already have had one tenant's targets all the time; forced policies show not even the owner.
ALTER TABLE rollout NO FORCE ROW LEVEL SECURITY;
ALTER TABLE change_set NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
INSERT INTO rollout_part
    (tenant_id, rollout_id, ordinal, target_tenant, slug, environment, kind, key, base_version, live_version, stage, state)
  SELECT r.tenant_id, r.rollout_id, t.place - 1, r.tenant_id, n.slug, r.environment, t.target ->> 'kind',
         t.target ->> 'key', b.base, b.base + r.live_version - r.base_version, 0,
         CASE WHEN r.live_version = r.base_version THEN 'pending' ELSE 'applied' END
    FROM rollout r
    JOIN change_set c ON (c.tenant_id, c.change_id) = (r.tenant_id, r.rollout_id)
    JOIN tenant n ON n.tenant_id = r.tenant_id
   CROSS JOIN jsonb_array_elements(c.content -> 'targets') WITH ORDINALITY AS t (target, place)
   CROSS JOIN LATERAL (SELECT (t.target ->> 'base_version')::bigint) AS b (base)
   WHERE NOT r.terminal AND r.state NOT IN ('AWAITING_APPROVAL', 'SCHEDULED', 'QUEUED', 'PREFLIGHT');
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
ALTER TABLE change_set FORCE ROW LEVEL SECURITY;
ALTER TABLE rollout FORCE ROW LEVEL SECURITY;

ALTER TABLE rollout_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE rollout_part FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON rollout_part TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (base_version, live_version, stage, state, revision, held, why, refusals) ON rollout_part
  TO changegate_app;

-- What many tenants have goes back in few statements: whoever calls is bound to each in its turn, and may no more than before.
CREATE FUNCTION enter_settings(of_tenant uuid, of_environment environment) RETURNS TABLE (at timestamptz, epoch bigint)
LANGUAGE sql AS $$
  SELECT set_config('app.tenant_id', of_tenant::text, true);
  UPDATE setting_space AS s SET epoch = s.epoch + 1 WHERE s.environment = of_environment
  RETURNING clock_timestamp(), s.epoch;
$$;
CREATE FUNCTION end_settings(
  of_tenant uuid, of_environment environment, keys text[], scopes text[], versions bigint[], ats timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  ended bigint;
BEGIN
  PERFORM set_config('app.tenant_id', of_tenant::text, true);
  UPDATE setting_entry AS e
     SET valid = CASE WHEN u.at IS NULL THEN 'empty'::tstzrange ELSE tstzrange(e.since, u.at) END
    FROM unnest(keys, scopes, versions, ats) AS u (key, scope, version, at)
   WHERE e.environment = of_environment AND e.key = u.key AND e.scope = u.scope AND e.version = u.version;
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended <> cardinality(versions) THEN
    RAISE EXCEPTION 'of % versions to end some are not there', cardinality(versions);
  END IF;
END $$;
CREATE FUNCTION restore_flag(
  of_tenant uuid, of_environment environment, of_key text, as_version bigint, content jsonb, whence text, at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  revised bigint;
BEGIN
  PERFORM set_config('app.tenant_id', of_tenant::text, true);
  UPDATE flag
     SET version = as_version, definition = content, origin = whence, written_by = NULL, written_at = at, request = NULL
   WHERE environment = of_environment AND key = of_key AND version = as_version - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'version % of the flag is not there', as_version - 1;
  END IF;
  INSERT INTO flag_version (tenant_id, environment, key, version, definition, origin, written_at)
    VALUES (of_tenant, of_environment, of_key, as_version, content, whence, at);
  UPDATE flag_set AS s SET revision = s.revision + 1 WHERE s.environment = of_environment
  RETURNING s.revision INTO revised;
  RETURN revised;
END $$;
