-- Each partition is a journal of its own to Changegate, whose backstop stands on it from here on.
SET LOCAL ROLE ledger_owner;

CREATE FUNCTION ledger.close_year_gl(tenant uuid, entity text, period_id uuid, run_token uuid, actor uuid)
RETURNS jsonb LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT ledger.close_year($1, $2, $3, $4, $5)';

DO $$
DECLARE m text; f text; functions jsonb;
BEGIN
  FOREACH m IN ARRAY ARRAY['GL', 'AP', 'AR', 'INV', 'PAY'] LOOP
    functions := jsonb_build_object('balances', 'ledger.balances_' || lower(m));
    EXECUTE format($f$CREATE FUNCTION ledger.%I(tenant uuid, entity text, period_id uuid)
      RETURNS TABLE (account text, kind text, currency text, balance numeric)
      LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      AS $b$ SELECT * FROM ledger.balances($1, %L, $2, $3) $b$ $f$, 'balances_' || lower(m), m);
    FOREACH f IN ARRAY CASE m WHEN 'GL' THEN '{control,unposted}'::text[] ELSE '{control,unposted,untransferred}' END LOOP
      functions := functions || jsonb_build_object(f, format('ledger.%s_%s', f, lower(m)));
      EXECUTE format($f$CREATE FUNCTION ledger.%I(tenant uuid, entity text, period_id uuid)
        RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $b$ SELECT ledger.%I($1, %L, $2, $3) $b$ $f$, f || '_' || lower(m), f, m);
    END LOOP;
    functions := functions || jsonb_build_object('posted_since', 'ledger.posted_since_' || lower(m));
    EXECUTE format($f$CREATE FUNCTION ledger.%I(tenant uuid, entity text, period_id uuid, high_water text)
      RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      AS $b$ SELECT ledger.posted_since($1, %L, $2, $3, $4) $b$ $f$, 'posted_since_' || lower(m), m);
    IF m = 'GL' THEN
      functions := functions || '{"close_year": "ledger.close_year_gl"}';
    END IF;
    PERFORM fiscal.register_journal_v1('ledger-' || lower(m), m, format('ledger.journal_%s', lower(m))::regclass,
      '{"tenant": "tenant_id", "entity": "entity", "date": "posting_date", "operation": "operation", "posted": "posted",
        "period_id": "period_id", "epoch": "epoch", "period": "period"}', functions);
  END LOOP;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO changegate_app;
GRANT EXECUTE ON FUNCTION ledger.control, ledger.unposted, ledger.untransferred, ledger.balances TO ledger_writer;
