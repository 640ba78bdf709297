SET LOCAL ROLE ledger_owner;

CREATE SEQUENCE ledger.posting_no;
GRANT USAGE ON SEQUENCE ledger.posting_no TO ledger_writer;

-- Posted entries count upwards: when nobody else is posting, the highest number says how far a journal goes.
CREATE FUNCTION ledger.numbers_a_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.posting_no := nextval('ledger.posting_no');
  NEW.posted_by := NULLIF(current_setting('fiscal.actor', true), '')::uuid;
  NEW.posted_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER numbers_a_posting BEFORE INSERT ON ledger.journal
  FOR EACH ROW WHEN (NEW.posted) EXECUTE FUNCTION ledger.numbers_a_posting();
CREATE TRIGGER numbers_a_posting_of_a_draft BEFORE UPDATE ON ledger.journal
  FOR EACH ROW WHEN (NEW.posted AND NOT OLD.posted) EXECUTE FUNCTION ledger.numbers_a_posting();

-- The guard's backstop speaks first, before the row is written: what is left to refuse here stands in an open period.
CREATE FUNCTION ledger.posted_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'A posted entry stays as it is; reverse it.' USING ERRCODE = 'LG001';
END $$;
CREATE TRIGGER posted_stays AFTER UPDATE OR DELETE ON ledger.journal
  FOR EACH ROW WHEN (OLD.posted) EXECUTE FUNCTION ledger.posted_stays();
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON ledger.transfer
  FOR EACH ROW EXECUTE FUNCTION ledger.posted_stays();
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON ledger.late_entry
  FOR EACH ROW EXECUTE FUNCTION ledger.posted_stays();

-- A line never comes or goes without a new revision of its entry, so the rules of the entry hold for its lines, and
-- whoever posts it meanwhile waits, or fails to serialize, instead of missing a line.
CREATE FUNCTION ledger.revises_the_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ledger.journal j SET revision = j.revision + 1
    FROM (SELECT DISTINCT c.tenant_id, c.module, c.entry FROM changed c) AS e
   WHERE j.tenant_id = e.tenant_id AND j.module = e.module AND j.id = e.entry;
  RETURN NULL;
END $$;
CREATE TRIGGER revises_the_entry AFTER INSERT ON ledger.line REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.revises_the_entry();
CREATE TRIGGER revises_the_entry_that_lost_it AFTER DELETE ON ledger.line REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.revises_the_entry();

CREATE FUNCTION ledger.lines_come_and_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'A line is not rewritten: it goes, and another comes.' USING ERRCODE = 'LG002';
END $$;
CREATE TRIGGER lines_come_and_go BEFORE UPDATE OR TRUNCATE ON ledger.line
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.lines_come_and_go();

-- All lines are there when an entry is posted, because none comes afterwards.
CREATE FUNCTION ledger.balances_when_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sums jsonb; strange jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('currency', s.currency, 'debit', s.debit::text, 'credit', s.credit::text))
         FILTER (WHERE s.debit <> s.credit) INTO sums
    FROM (SELECT l.currency, sum(l.debit) AS debit, sum(l.credit) AS credit FROM ledger.line l
           WHERE l.tenant_id = NEW.tenant_id AND l.module = NEW.module AND l.entry = NEW.id
           GROUP BY l.currency ORDER BY l.currency) AS s
  HAVING count(*) > 0;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'An entry without lines is not posted.' USING ERRCODE = 'LG003';
  ELSIF sums IS NOT NULL THEN
    RAISE EXCEPTION 'Debit and credit of an entry are the same in every currency.'
      USING ERRCODE = 'LG004', DETAIL = jsonb_build_object('sums', sums);
  END IF;
  SELECT jsonb_agg(DISTINCT l.account) INTO strange FROM ledger.line l
    JOIN ledger.account a ON (a.tenant_id, a.entity, a.code) = (l.tenant_id, l.entity, l.account)
   WHERE l.tenant_id = NEW.tenant_id AND l.module = NEW.module AND l.entry = NEW.id AND a.currency <> l.currency;
  IF strange IS NOT NULL THEN
    RAISE EXCEPTION 'An account takes only its own currency.'
      USING ERRCODE = 'LG005', DETAIL = jsonb_build_object('accounts', strange);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER balances_when_posted AFTER INSERT ON ledger.journal
  FOR EACH ROW WHEN (NEW.posted) EXECUTE FUNCTION ledger.balances_when_posted();
CREATE TRIGGER balances_when_posted_later AFTER UPDATE ON ledger.journal
  FOR EACH ROW WHEN (NEW.posted AND NOT OLD.posted) EXECUTE FUNCTION ledger.balances_when_posted();
