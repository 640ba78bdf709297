SET LOCAL ROLE changegate_owner;

CREATE TYPE environment AS ENUM ('dev', 'qa', 'staging', 'production');

CREATE TABLE tenant (
  tenant_id  uuid PRIMARY KEY,
  slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$'),
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE principal (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  principal_id uuid NOT NULL,
  issuer       text NOT NULL,
  subject      text NOT NULL,
  handle       text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('human', 'service')),
  email        text,
  roles        text[] NOT NULL DEFAULT '{}',
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, principal_id),
  UNIQUE (tenant_id, issuer, subject),
  UNIQUE (tenant_id, handle)
);
CREATE INDEX principal_by_subject ON principal (issuer, subject);

CREATE TABLE delegation (
  tenant_id uuid NOT NULL,
  giver     uuid NOT NULL,
  taker     uuid NOT NULL,
  starts    timestamptz NOT NULL,
  ends      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, giver, taker, starts),
  FOREIGN KEY (tenant_id, giver) REFERENCES principal,
  FOREIGN KEY (tenant_id, taker) REFERENCES principal,
  CHECK (giver <> taker),
  CHECK (starts < ends)
);

CREATE TABLE flag_set (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  revision    bigint NOT NULL DEFAULT 0,
  bucketing   text NOT NULL DEFAULT 'v3' CHECK (bucketing IN ('v2', 'v3')),
  metadata    jsonb NOT NULL DEFAULT '{}',
  evaluators  jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, environment)
);

CREATE TABLE flag (
  tenant_id   uuid NOT NULL,
  environment environment NOT NULL,
  key         text NOT NULL CHECK (key ~ '^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}$'),
  version     bigint NOT NULL CHECK (version > 0),
  definition  jsonb NOT NULL,
  origin      text NOT NULL,
  written_by  uuid,
  written_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, environment, key),
  FOREIGN KEY (tenant_id, environment) REFERENCES flag_set
);

CREATE TABLE flag_version (
  tenant_id   uuid NOT NULL,
  environment environment NOT NULL,
  key         text NOT NULL,
  version     bigint NOT NULL,
  definition  jsonb NOT NULL,
  origin      text NOT NULL,
  written_by  uuid,
  written_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, environment, key, version),
  FOREIGN KEY (tenant_id, environment, key) REFERENCES flag DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE approval_policy (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  kind        text NOT NULL,
  policy      jsonb NOT NULL,
  PRIMARY KEY (tenant_id, environment, kind)
);

CREATE TABLE change_set (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  change_id    uuid NOT NULL,
  author       uuid NOT NULL,
  contributors uuid[] NOT NULL DEFAULT '{}',
  content      jsonb NOT NULL,
  digest       text NOT NULL,
  reason       text NOT NULL,
  ticket       text,
  supersedes   uuid,
  status       text NOT NULL CHECK (status IN ('DRAFT', 'SUBMITTED', 'WITHDRAWN', 'SUPERSEDED')),
  revision     int NOT NULL DEFAULT 1,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, change_id),
  FOREIGN KEY (tenant_id, author) REFERENCES principal
);
CREATE INDEX change_set_newest ON change_set (tenant_id, created_at DESC, change_id);

CREATE TABLE approval (
  tenant_id       uuid NOT NULL,
  approval_id     uuid NOT NULL,
  environment     environment NOT NULL,
  digest          text NOT NULL,
  authors         uuid[] NOT NULL,
  policy          jsonb NOT NULL,
  standing        text NOT NULL CHECK (standing IN
                    ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'WITHDRAWN', 'INVALIDATED')),
  opened_at       timestamptz NOT NULL,
  level_opened_at timestamptz NOT NULL,
  closed_at       timestamptz,
  PRIMARY KEY (tenant_id, approval_id),
  FOREIGN KEY (tenant_id, approval_id) REFERENCES change_set
);
CREATE INDEX approval_pending ON approval (tenant_id, opened_at) WHERE standing = 'PENDING';

CREATE TABLE approval_vote (
  tenant_id   uuid NOT NULL,
  approval_id uuid NOT NULL,
  voter       uuid NOT NULL,
  behalf      uuid,
  author      uuid NOT NULL,
  level       int NOT NULL,
  answer      text NOT NULL CHECK (answer IN ('approve', 'reject')),
  digest      text NOT NULL,
  reason      text NOT NULL,
  via         text NOT NULL,
  voted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  dropped_at  timestamptz,
  dropped     text,
  vote_id     bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (tenant_id, vote_id),
  FOREIGN KEY (tenant_id, approval_id) REFERENCES approval,
  FOREIGN KEY (tenant_id, voter) REFERENCES principal,
  CONSTRAINT author_does_not_vote CHECK (voter <> author AND behalf IS DISTINCT FROM author)
);
CREATE UNIQUE INDEX one_vote_each ON approval_vote (tenant_id, approval_id, voter) WHERE dropped_at IS NULL;
CREATE UNIQUE INDEX one_vote_given ON approval_vote (tenant_id, approval_id, coalesce(behalf, voter))
  WHERE dropped_at IS NULL;

CREATE TABLE rollout (
  tenant_id    uuid NOT NULL,
  rollout_id   uuid NOT NULL,
  environment  environment NOT NULL,
  key          text NOT NULL,
  digest       text NOT NULL,
  requester    uuid NOT NULL,
  plan         jsonb NOT NULL,
  state        text NOT NULL,
  terminal     boolean NOT NULL,
  stage        int,
  phase        text,
  cause        text,
  verdict      text,
  base_version bigint NOT NULL,
  live_version bigint NOT NULL,
  revision     int NOT NULL DEFAULT 1,
  started      boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, rollout_id),
  FOREIGN KEY (tenant_id, rollout_id) REFERENCES change_set
);
CREATE UNIQUE INDEX one_open_rollout ON rollout (tenant_id, environment, key) WHERE NOT terminal;
CREATE INDEX rollout_newest ON rollout (tenant_id, created_at DESC, rollout_id);
CREATE INDEX rollout_unstarted ON rollout (created_at) WHERE NOT started;

CREATE TABLE rollout_transition (
  tenant_id  uuid NOT NULL,
  rollout_id uuid NOT NULL,
  seq        int NOT NULL,
  step       text NOT NULL,
  from_state text,
  to_state   text NOT NULL,
  cause      text NOT NULL,
  actor      uuid,
  stage      int,
  percent    double precision NOT NULL,
  reason     text,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, rollout_id, seq),
  UNIQUE (tenant_id, rollout_id, step),
  FOREIGN KEY (tenant_id, rollout_id) REFERENCES rollout
);

CREATE TABLE gate_check (
  tenant_id  uuid NOT NULL,
  rollout_id uuid NOT NULL,
  number     int NOT NULL,
  stage      int NOT NULL,
  verdict    text NOT NULL,
  sentence   text NOT NULL,
  record     text NOT NULL,
  state      text NOT NULL,
  judged_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, rollout_id, number),
  FOREIGN KEY (tenant_id, rollout_id) REFERENCES rollout
);
COMMENT ON COLUMN gate_check.record IS 'JSON text, not jsonb: a replay needs every float bit for bit';

CREATE TABLE intent (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  intent_id  uuid NOT NULL,
  actor      uuid NOT NULL,
  verb       text NOT NULL,
  subject    uuid NOT NULL,
  body       jsonb NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, intent_id)
);

CREATE TABLE notice (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  notice_id  uuid NOT NULL,
  template   text NOT NULL,
  recipient  uuid,
  facts      jsonb NOT NULL,
  link       text NOT NULL,
  state      text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'failed')),
  attempts   int NOT NULL DEFAULT 0,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  not_before timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, notice_id)
);
CREATE INDEX notice_due ON notice (not_before) WHERE state = 'due';

CREATE TABLE telemetry_batch (
  tenant_id uuid NOT NULL REFERENCES tenant,
  source    uuid NOT NULL,
  batch     text NOT NULL,
  taken_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source, batch)
);

CREATE TABLE telemetry (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  key         text NOT NULL,
  variant     text NOT NULL,
  window_end  timestamptz NOT NULL,
  source      uuid NOT NULL,
  batch       text NOT NULL,
  requests    bigint NOT NULL CHECK (requests >= 0),
  errors      bigint NOT NULL CHECK (errors >= 0 AND errors <= requests),
  bounds      double precision[] NOT NULL DEFAULT '{}',
  counts      bigint[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, environment, key, variant, window_end, source, batch),
  CHECK (cardinality(bounds) = cardinality(counts))
);

CREATE TABLE review (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  review_id   uuid NOT NULL,
  environment environment NOT NULL,
  key         text NOT NULL,
  opened_by   uuid NOT NULL,
  reason      text NOT NULL,
  opened_at   timestamptz NOT NULL DEFAULT now(),
  due_at      timestamptz NOT NULL,
  closed_at   timestamptz,
  PRIMARY KEY (tenant_id, review_id)
);

CREATE TABLE idempotency_key (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  principal   uuid NOT NULL,
  key         text NOT NULL,
  fingerprint text NOT NULL,
  status      int,
  body        bytea,
  claimed_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, principal, key)
);

CREATE TABLE audit_event (
  event_id      uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL,
  class         text NOT NULL DEFAULT 'compliance' CHECK (class IN ('compliance', 'operational', 'access')),
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  occurred_at   timestamptz NOT NULL,
  actor_type    text NOT NULL,
  actor         uuid,
  action        text NOT NULL CHECK (action ~ '^[a-z]+:[a-z]+:[a-z]+$'),
  resource_type text NOT NULL,
  resource      text NOT NULL,
  outcome       text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
  change_id     uuid,
  workflow_id   text,
  run_id        text,
  trace_id      text,
  canon         bytea NOT NULL,
  leaf          bytea NOT NULL,
  xid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CONSTRAINT leaf_binds_canon CHECK (leaf = sha256('\x00'::bytea || canon))
);
CREATE INDEX audit_newest ON audit_event (tenant_id, recorded_at DESC, event_id DESC);
CREATE INDEX audit_by_change ON audit_event (tenant_id, change_id, recorded_at) WHERE change_id IS NOT NULL;
CREATE INDEX audit_by_resource ON audit_event (tenant_id, resource_type, resource, recorded_at);
CREATE INDEX audit_by_actor ON audit_event (tenant_id, actor, recorded_at) WHERE actor IS NOT NULL;
COMMENT ON COLUMN audit_event.xid IS 'lets a sealer take events in an order that no late commit can slip behind';
