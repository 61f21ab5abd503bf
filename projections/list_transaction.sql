-- begin_list: set the tenant and the time limits of a list; returns the builds of its read models that serve the tenant,
-- and those that are being rebuilt
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),  -- waits for locks are part of the list's time
       set_config('enable_seqscan', CASE WHEN %(snapshot)s THEN 'off' ELSE current_setting('enable_seqscan') END, true),
       set_config('plan_cache_mode', CASE WHEN %(snapshot)s THEN 'force_generic_plan'
                                          ELSE current_setting('plan_cache_mode') END, true),
       b.builds, b.rebuilding
  FROM queries.served_builds(%(tenant_id)s, %(projections)s::text[], %(versions)s::integer[]) AS b

-- begin_list_of_times: the same, and the positions that the list's times stand for
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),
       set_config('enable_seqscan', CASE WHEN %(snapshot)s THEN 'off' ELSE current_setting('enable_seqscan') END, true),
       set_config('plan_cache_mode', CASE WHEN %(snapshot)s THEN 'force_generic_plan'
                                          ELSE current_setting('plan_cache_mode') END, true),
       b.builds, b.rebuilding,
       ARRAY(
           SELECT ledger.position_at(%(tenant_id)s::uuid, m.at - interval '1 microsecond' * m.exclusive::integer)
             FROM unnest(%(moments)s::timestamptz[], %(exclusive)s::boolean[])
                  WITH ORDINALITY AS m (at, exclusive, ordinal)
            ORDER BY m.ordinal
       )
  FROM queries.served_builds(%(tenant_id)s, %(projections)s::text[], %(versions)s::integer[]) AS b

-- free_plans: let the planner choose again
SET LOCAL enable_seqscan TO DEFAULT;
SET LOCAL plan_cache_mode TO DEFAULT
