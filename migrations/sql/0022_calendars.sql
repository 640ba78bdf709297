SET LOCAL ROLE changegate_owner;

-- Whose books they are. Its clocks say which date an instant has there; where it stands in the group never changes.
CREATE TABLE legal_entity (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  code        text NOT NULL CHECK (code <> ''),
  name        text NOT NULL,
  time_zone   text NOT NULL,
  parent      text CHECK (parent <> code),
  country     text,
  subdivision text,
  version     bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, code),
  FOREIGN KEY (tenant_id, parent) REFERENCES legal_entity
);

-- '' stands for the tenant as a whole: with null there, two of one code would pass the constraint.
CREATE TABLE fiscal_calendar (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  calendar_id uuid NOT NULL,
  entity      text NOT NULL DEFAULT '',
  owner       text GENERATED ALWAYS AS (NULLIF(entity, '')) STORED,
  code        text NOT NULL CHECK (code <> ''),
  version     bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, calendar_id),
  CONSTRAINT one_calendar_of_a_code UNIQUE (tenant_id, entity, code),
  FOREIGN KEY (tenant_id, owner) REFERENCES legal_entity
);

CREATE TABLE fiscal_calendar_version (
  tenant_id     uuid NOT NULL,
  calendar_id   uuid NOT NULL,
  version       bigint NOT NULL CHECK (version > 0),
  from_year     int NOT NULL,
  rule          jsonb NOT NULL,
  short_periods text NOT NULL,
  written_by    uuid NOT NULL,
  written_at    timestamptz NOT NULL DEFAULT now(),
  reason        text NOT NULL,
  request       uuid,
  PRIMARY KEY (tenant_id, calendar_id, version),
  UNIQUE (tenant_id, request),
  FOREIGN KEY (tenant_id, calendar_id) REFERENCES fiscal_calendar
);
COMMENT ON COLUMN fiscal_calendar_version.from_year IS 'the first year that it makes: of the versions that reach a year the newest does';

CREATE TABLE fiscal_year (
  tenant_id   uuid NOT NULL,
  year_id     uuid NOT NULL,
  calendar_id uuid NOT NULL,
  version     bigint NOT NULL,
  number      int NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('standard', 'short', 'long', 'transition')),
  label       text NOT NULL,
  span        daterange NOT NULL CHECK (NOT isempty(span) AND NOT lower_inf(span) AND NOT upper_inf(span)),
  used        boolean NOT NULL DEFAULT false,
  made_by     uuid NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT now(),
  reason      text NOT NULL,
  PRIMARY KEY (tenant_id, year_id),
  UNIQUE (tenant_id, calendar_id, year_id),
  CONSTRAINT years_do_not_overlap UNIQUE (tenant_id, calendar_id, span WITHOUT OVERLAPS),
  FOREIGN KEY (tenant_id, calendar_id, version) REFERENCES fiscal_calendar_version
);
CREATE UNIQUE INDEX one_year_of_a_number ON fiscal_year (tenant_id, calendar_id, number, (kind = 'transition'));
COMMENT ON COLUMN fiscal_year.used IS 'something was opened, posted or closed in it: it stays as it is';

CREATE TABLE fiscal_period (
  tenant_id   uuid NOT NULL,
  period_id   uuid NOT NULL,
  calendar_id uuid NOT NULL,
  year_id     uuid NOT NULL,
  number      int NOT NULL CHECK (number > 0),
  kind        text NOT NULL CHECK (kind IN ('standard', 'adjusting')),
  quarter     int CHECK (quarter BETWEEN 1 AND 4),
  span        daterange NOT NULL CHECK (NOT isempty(span) AND NOT lower_inf(span) AND NOT upper_inf(span)),
  name        text NOT NULL,
  PRIMARY KEY (tenant_id, period_id),
  UNIQUE (tenant_id, year_id, number),
  FOREIGN KEY (tenant_id, calendar_id, year_id) REFERENCES fiscal_year (tenant_id, calendar_id, year_id),
  FOREIGN KEY (tenant_id, calendar_id, PERIOD span) REFERENCES fiscal_year (tenant_id, calendar_id, PERIOD span),
  -- Adjusting periods lie within the last standard one; this index also finds the period of a date.
  CONSTRAINT periods_do_not_overlap EXCLUDE USING gist
    (tenant_id WITH =, calendar_id WITH =, span WITH &&) WHERE (kind = 'standard')
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['legal_entity', 'fiscal_calendar', 'fiscal_calendar_version', 'fiscal_year', 'fiscal_period']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (name, time_zone, country, subdivision, version) ON legal_entity TO changegate_app;
GRANT UPDATE (version) ON fiscal_calendar TO changegate_app;
GRANT UPDATE (used), DELETE ON fiscal_year TO changegate_app;
GRANT DELETE ON fiscal_period TO changegate_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON fiscal_calendar_version
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- What was used stays: neither the year nor one of its periods goes, and it never counts as unused again.
CREATE FUNCTION used_year_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM fiscal_year WHERE tenant_id = OLD.tenant_id AND year_id = OLD.year_id AND used) THEN
    RAISE EXCEPTION 'a year that was used stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'used_year_stays';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER used_year_stays BEFORE DELETE ON fiscal_year FOR EACH ROW EXECUTE FUNCTION used_year_stays();
CREATE TRIGGER used_year_stays BEFORE DELETE ON fiscal_period FOR EACH ROW EXECUTE FUNCTION used_year_stays();
CREATE TRIGGER used_is_final BEFORE UPDATE ON fiscal_year
  FOR EACH ROW WHEN (OLD.used AND NOT NEW.used) EXECUTE FUNCTION used_year_stays();

-- The years that a period touches may cover it together: it must lie within its own.
CREATE FUNCTION period_is_within_its_year() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE year daterange;
BEGIN
  SELECT y.span INTO year FROM fiscal_year y WHERE y.tenant_id = NEW.tenant_id AND y.year_id = NEW.year_id;
  IF NOT coalesce(NEW.span <@ year, false) THEN
    RAISE EXCEPTION 'a period lies within its year' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'period_is_within_its_year', DETAIL = format('%s is not within %s', NEW.span, year);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER period_is_within_its_year AFTER INSERT OR UPDATE ON fiscal_period
  FOR EACH ROW EXECUTE FUNCTION period_is_within_its_year();

-- Gaps are seen when a transaction ends. It must be bound to the tenant still, or its own rows would be hidden from it.
CREATE FUNCTION no_gap(of_tenant uuid, constraint_name text, gaps datemultirange) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF of_tenant IS DISTINCT FROM NULLIF(current_setting('app.tenant_id', true), '')::uuid THEN
    RAISE EXCEPTION 'the tenant of these years is not bound' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT isempty(gaps) THEN
    RAISE EXCEPTION 'days belong to nothing' USING ERRCODE = 'check_violation', CONSTRAINT = constraint_name,
      DETAIL = (SELECT jsonb_build_object('gaps', jsonb_agg(jsonb_build_object('begins', lower(g), 'ends', upper(g) - 1)))
                  FROM unnest(gaps) AS g)::text;
  END IF;
END $$;

CREATE FUNCTION periods_are_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE of_tenant uuid; year uuid; gaps datemultirange;
BEGIN
  IF TG_OP = 'DELETE' THEN of_tenant := OLD.tenant_id; year := OLD.year_id;
  ELSE of_tenant := NEW.tenant_id; year := NEW.year_id; END IF;
  SELECT datemultirange(y.span) - coalesce(
           (SELECT range_agg(p.span) FROM fiscal_period p
             WHERE p.tenant_id = y.tenant_id AND p.year_id = y.year_id AND p.kind = 'standard'), '{}')
    INTO gaps FROM fiscal_year y WHERE y.tenant_id = of_tenant AND y.year_id = year;
  PERFORM no_gap(of_tenant, 'periods_are_contiguous', coalesce(gaps, '{}'));
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER periods_are_contiguous AFTER INSERT OR UPDATE OR DELETE ON fiscal_period
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION periods_are_contiguous();
CREATE CONSTRAINT TRIGGER periods_are_contiguous AFTER INSERT ON fiscal_year
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION periods_are_contiguous();

CREATE FUNCTION years_are_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE of_tenant uuid; calendar uuid; gaps datemultirange;
BEGIN
  IF TG_OP = 'DELETE' THEN of_tenant := OLD.tenant_id; calendar := OLD.calendar_id;
  ELSE of_tenant := NEW.tenant_id; calendar := NEW.calendar_id; END IF;
  SELECT datemultirange(daterange(min(lower(span)), max(upper(span)))) - range_agg(span)
    INTO gaps FROM fiscal_year WHERE tenant_id = of_tenant AND calendar_id = calendar;
  PERFORM no_gap(of_tenant, 'years_are_contiguous', coalesce(gaps, '{}'));
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER years_are_contiguous AFTER INSERT OR DELETE ON fiscal_year
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION years_are_contiguous();

-- Years of one calendar come and go one after the other, or two would leave a gap that neither sees.
CREATE FUNCTION years_take_turns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE of_tenant uuid; calendar uuid;
BEGIN
  IF TG_OP = 'DELETE' THEN of_tenant := OLD.tenant_id; calendar := OLD.calendar_id;
  ELSE of_tenant := NEW.tenant_id; calendar := NEW.calendar_id; END IF;
  PERFORM FROM fiscal_calendar WHERE tenant_id = of_tenant AND calendar_id = calendar FOR NO KEY UPDATE;
  RETURN NULL;
END $$;
CREATE TRIGGER years_take_turns AFTER INSERT OR DELETE ON fiscal_year
  FOR EACH ROW EXECUTE FUNCTION years_take_turns();
