SET LOCAL ROLE ledger_owner;

CREATE TABLE ledger.account (
  tenant_id uuid NOT NULL,
  entity    text NOT NULL,
  code      text NOT NULL CHECK (code <> ''),
  name      text NOT NULL,
  kind      text NOT NULL CHECK (kind IN ('balance-sheet', 'profit-and-loss', 'retained-earnings', 'suspense')),
  currency  text CHECK (currency ~ '^[A-Z]{3}$'),
  PRIMARY KEY (tenant_id, entity, code)
);
CREATE UNIQUE INDEX one_account_of_retained_earnings ON ledger.account (tenant_id, entity) WHERE kind = 'retained-earnings';
COMMENT ON COLUMN ledger.account.kind IS 'suspense: of the balance sheet, and empty once everything is matched';
COMMENT ON COLUMN ledger.account.currency IS 'the only one that it takes';

-- Each module has a journal of its own: a partition, which the posting guard knows by the module's scope.
CREATE TABLE ledger.journal (
  tenant_id     uuid NOT NULL,
  module        text NOT NULL,
  id            uuid NOT NULL DEFAULT uuidv7(),
  entity        text NOT NULL,
  operation     text NOT NULL DEFAULT 'transaction' CHECK (operation IN ('transaction', 'adjustment', 'closing')),
  posting_date  date NOT NULL,
  period        int,
  original_date date CHECK (original_date <> posting_date),
  description   text NOT NULL CHECK (description <> ''),
  reverses      uuid,
  revision      int NOT NULL DEFAULT 0,
  posted        boolean NOT NULL DEFAULT false,
  posting_no    bigint,
  posted_by     uuid,
  posted_at     timestamptz,
  period_id     uuid,
  epoch         bigint,
  PRIMARY KEY (tenant_id, module, id),
  UNIQUE (tenant_id, module, id, entity),
  UNIQUE (tenant_id, module, reverses),
  CONSTRAINT posted_by_somebody_somewhere CHECK
    (NOT posted OR num_nulls(posting_no, posted_by, posted_at, period_id, epoch) = 0),
  FOREIGN KEY (tenant_id, module, reverses) REFERENCES ledger.journal
) PARTITION BY LIST (module);
CREATE INDEX journal_by_day ON ledger.journal (tenant_id, entity, posting_date);
CREATE INDEX journal_by_period ON ledger.journal (tenant_id, entity, period_id);
COMMENT ON COLUMN ledger.journal.period IS 'the number of an adjusting period; without it the date says which period';
COMMENT ON COLUMN ledger.journal.original_date IS 'what the document says, where its period no longer took it';

CREATE TABLE ledger.line (
  tenant_id uuid NOT NULL,
  module    text NOT NULL,
  entry     uuid NOT NULL,
  number    int NOT NULL CHECK (number > 0),
  entity    text NOT NULL,
  account   text NOT NULL,
  currency  text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  debit     numeric(20, 4) NOT NULL DEFAULT 0,
  credit    numeric(20, 4) NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, module, entry, number),
  CONSTRAINT one_side CHECK (least(debit, credit) = 0 AND greatest(debit, credit) > 0 AND greatest(debit, credit) < 'Infinity'),
  FOREIGN KEY (tenant_id, module, entry, entity) REFERENCES ledger.journal (tenant_id, module, id, entity) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, entity, account) REFERENCES ledger.account
);

-- What a sub-ledger has handed to the general ledger; beside the journals, because posted entries stay as they are.
CREATE TABLE ledger.transfer (
  tenant_id   uuid NOT NULL,
  module      text NOT NULL CHECK (module <> 'GL'),
  entry       uuid NOT NULL,
  into_module text NOT NULL DEFAULT 'GL' CHECK (into_module = 'GL'),
  into_entry  uuid NOT NULL,
  PRIMARY KEY (tenant_id, module, entry),
  FOREIGN KEY (tenant_id, module, entry) REFERENCES ledger.journal,
  FOREIGN KEY (tenant_id, into_module, into_entry) REFERENCES ledger.journal
);

-- Why an entry does not stand where its document says.
CREATE TABLE ledger.late_entry (
  tenant_id     uuid NOT NULL,
  module        text NOT NULL,
  entry         uuid NOT NULL,
  original_date date NOT NULL,
  posted_on     date NOT NULL,
  refusal       text NOT NULL,
  swept_by      uuid NOT NULL,
  swept_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, module, entry),
  FOREIGN KEY (tenant_id, module, entry) REFERENCES ledger.journal
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['GL', 'AP', 'AR', 'INV', 'PAY'] LOOP
    EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.journal FOR VALUES IN (%L)', 'journal_' || lower(t), t);
  END LOOP;
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON ledger.%I
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE (name) ON ledger.account TO ledger_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.journal TO ledger_writer;
GRANT SELECT, INSERT, DELETE ON ledger.line TO ledger_writer;
GRANT SELECT, INSERT ON ledger.transfer, ledger.late_entry TO ledger_writer;
