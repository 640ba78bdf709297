SET LOCAL ROLE ledger_owner;

-- Every account of profit and loss to nothing, and the sum into retained earnings, currency by currency. What is closed
-- has no balance left: asked again, it closes what came since, or nothing.
CREATE FUNCTION ledger.close_year(of_tenant uuid, of_entity text, of_period uuid, run_token uuid, actor uuid)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE closed jsonb; closing uuid; last record; earned text;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('currency', s.currency, 'amount', s.earned::text) ORDER BY s.currency) INTO closed
    FROM (SELECT b.currency, -sum(b.balance) AS earned FROM ledger.balances(of_tenant, 'GL', of_entity, of_period) b
           WHERE b.kind = 'profit-and-loss' GROUP BY b.currency) AS s;
  IF closed IS NULL THEN
    RETURN jsonb_build_object('entries', '[]'::jsonb, 'retained_earnings', '[]'::jsonb);
  END IF;
  SELECT a.code INTO earned FROM ledger.account a
   WHERE a.tenant_id = of_tenant AND a.entity = of_entity AND a.kind = 'retained-earnings';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'The entity has no account of retained earnings.' USING ERRCODE = 'LG006';
  END IF;
  SELECT * INTO last FROM fiscal.period_v1(of_tenant, of_period);
  INSERT INTO ledger.journal (tenant_id, module, entity, operation, posting_date, period, description)
  VALUES (of_tenant, 'GL', of_entity, 'closing', last.ends, CASE last.kind WHEN 'adjusting' THEN last.number END,
          'Profit and loss to retained earnings')
  RETURNING id INTO closing;
  INSERT INTO ledger.line (tenant_id, module, entry, number, entity, account, currency, debit, credit)
  SELECT of_tenant, 'GL', closing, row_number() OVER (ORDER BY l.currency, l.account), of_entity, l.account, l.currency,
         greatest(l.amount, 0), greatest(-l.amount, 0)
    FROM (SELECT b.account, b.currency, -b.balance AS amount
            FROM ledger.balances(of_tenant, 'GL', of_entity, of_period) b WHERE b.kind = 'profit-and-loss'
          UNION ALL
          SELECT earned, b.currency, sum(b.balance)
            FROM ledger.balances(of_tenant, 'GL', of_entity, of_period) b WHERE b.kind = 'profit-and-loss'
           GROUP BY b.currency HAVING sum(b.balance) <> 0) AS l;
  PERFORM set_config('fiscal.actor', actor::text, true), set_config('fiscal.run_token', coalesce(run_token::text, ''), true);
  UPDATE ledger.journal SET posted = true WHERE tenant_id = of_tenant AND module = 'GL' AND id = closing;
  PERFORM set_config('fiscal.run_token', '', true);
  RETURN jsonb_build_object('entries', jsonb_build_array(closing), 'retained_earnings', closed);
END $$;
