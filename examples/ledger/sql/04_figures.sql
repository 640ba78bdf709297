-- What Changegate asks of a journal before and while it closes a period. An amount is text with four decimals.
SET LOCAL ROLE ledger_owner;

CREATE FUNCTION ledger.control(of_tenant uuid, of_module text, of_entity text, of_period uuid)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH entries AS (
    SELECT * FROM ledger.journal j
     WHERE j.tenant_id = of_tenant AND j.module = of_module AND j.entity = of_entity AND j.period_id = of_period AND j.posted
  ), lines AS (
    SELECT l.* FROM ledger.line l JOIN entries e ON (l.tenant_id, l.module, l.entry) = (e.tenant_id, e.module, e.id)
  ), totals AS (
    SELECT currency, sum(debit)::text AS debit, sum(credit)::text AS credit FROM lines GROUP BY currency
  ), digests AS (
    SELECT e.posting_no, sha256(convert_to(jsonb_build_array(
             e.id, e.operation, e.posting_date, e.period, e.original_date, e.description, e.reverses,
             jsonb_agg(jsonb_build_array(l.account, l.currency, l.debit::text, l.credit::text) ORDER BY l.number)
           )::text, 'UTF8')) AS digest
      FROM entries e JOIN lines l ON l.entry = e.id
     GROUP BY e.posting_no, e.id, e.operation, e.posting_date, e.period, e.original_date, e.description, e.reverses
  )
  SELECT jsonb_build_object(
    'entries', (SELECT count(*) FROM entries),
    'high_water', (SELECT max(posting_no)::text FROM entries),
    'totals', coalesce((SELECT jsonb_agg(to_jsonb(t) ORDER BY t.currency) FROM totals t), '[]'),
    'digest', (SELECT 'sha256:' || encode(sha256(coalesce(string_agg(digest, ''::bytea ORDER BY posting_no), '')), 'hex')
                 FROM digests))
$$;

-- The first hundred of all that were posted in the period after the entry of this number, or of all.
CREATE FUNCTION ledger.posted_since(of_tenant uuid, of_module text, of_entity text, of_period uuid, high_water text)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH entries AS (
    SELECT j.id, j.posting_date, j.posting_no FROM ledger.journal j
     WHERE j.tenant_id = of_tenant AND j.module = of_module AND j.entity = of_entity AND j.period_id = of_period AND j.posted
       AND j.posting_no > coalesce(high_water::bigint, 0)
  ), first AS (
    SELECT * FROM entries ORDER BY posting_no LIMIT 100
  ), amounts AS (
    SELECT l.entry, l.currency, sum(l.debit)::text AS amount FROM ledger.line l JOIN first f
        ON (l.tenant_id, l.module, l.entry) = (of_tenant, of_module, f.id) GROUP BY l.entry, l.currency
  )
  SELECT jsonb_build_object(
    'count', (SELECT count(*) FROM entries),
    'entries', coalesce((SELECT jsonb_agg(jsonb_build_object('id', f.id, 'date', f.posting_date, 'amounts',
       (SELECT jsonb_agg(jsonb_build_object('currency', a.currency, 'amount', a.amount) ORDER BY a.currency)
          FROM amounts a WHERE a.entry = f.id)) ORDER BY f.posting_no) FROM first f), '[]'))
$$;

-- At most a hundred drafts that would be posted in the period: an adjusting one is chosen by its number.
CREATE FUNCTION ledger.unposted(of_tenant uuid, of_module text, of_entity text, of_period uuid)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'date', d.posting_date, 'description', d.description)), '[]')
    FROM (SELECT j.id, j.posting_date, j.description
            FROM fiscal.period_v1(of_tenant, of_period) p
            JOIN ledger.journal j ON CASE p.kind
                 WHEN 'adjusting' THEN j.period = p.number AND j.posting_date BETWEEN p.year_begins AND p.year_ends
                 ELSE j.period IS NULL AND j.posting_date BETWEEN p.begins AND p.ends END
           WHERE j.tenant_id = of_tenant AND j.module = of_module AND j.entity = of_entity AND NOT j.posted
           ORDER BY j.posting_date, j.id LIMIT 100) AS d
$$;

-- At most a hundred that are posted in a sub-ledger, and that the general ledger does not know yet.
CREATE FUNCTION ledger.untransferred(of_tenant uuid, of_module text, of_entity text, of_period uuid)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'date', d.posting_date, 'description', d.description)), '[]')
    FROM (SELECT j.id, j.posting_date, j.description FROM ledger.journal j
           WHERE j.tenant_id = of_tenant AND j.module = of_module AND j.entity = of_entity
             AND j.period_id = of_period AND j.posted
             AND NOT EXISTS (SELECT FROM ledger.transfer t
                              WHERE (t.tenant_id, t.module, t.entry) = (j.tenant_id, j.module, j.id))
           ORDER BY j.posting_date, j.posting_no LIMIT 100) AS d
$$;

-- Up to the end of the period. What earlier years earned counts as retained, also where their closing is still to come:
-- so the sum over all accounts is nothing, and a year opens with what the one before it closed with.
CREATE FUNCTION ledger.balances(of_tenant uuid, of_module text, of_entity text, of_period uuid)
RETURNS TABLE (account text, kind text, currency text, balance numeric) LANGUAGE sql STABLE AS $$
  SELECT b.account, b.kind, b.currency, sum(b.amount)
    FROM (SELECT CASE WHEN a.kind = 'profit-and-loss' AND j.posting_date < p.year_begins
                      THEN coalesce(earned.code, 'retained-earnings') ELSE a.code END AS account,
                 CASE WHEN a.kind = 'suspense' OR (a.kind = 'profit-and-loss' AND j.posting_date >= p.year_begins)
                      THEN a.kind ELSE 'balance-sheet' END AS kind,
                 l.currency, l.debit - l.credit AS amount
            FROM fiscal.period_v1(of_tenant, of_period) p
            JOIN ledger.journal j ON j.posting_date <= p.ends
             AND (j.posting_date < p.year_begins OR coalesce(j.period, 0) <= p.number)
            JOIN ledger.line l ON (l.tenant_id, l.module, l.entry) = (j.tenant_id, j.module, j.id)
            JOIN ledger.account a ON (a.tenant_id, a.entity, a.code) = (l.tenant_id, l.entity, l.account)
            LEFT JOIN ledger.account earned ON earned.tenant_id = a.tenant_id AND earned.entity = a.entity
                  AND earned.kind = 'retained-earnings'
           WHERE j.tenant_id = of_tenant AND j.module = of_module AND j.entity = of_entity AND j.posted) AS b
   GROUP BY b.account, b.kind, b.currency HAVING sum(b.amount) <> 0
   ORDER BY b.account, b.kind, b.currency
$$;
