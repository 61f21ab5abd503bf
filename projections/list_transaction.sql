-- begin_list: set the tenant and the time limits of a list; returns those of its read models that are being rebuilt
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),  -- waits for locks are part of the list's time
       ARRAY(
           SELECT r.projection FROM queries.rebuilds AS r
             JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
            USING (projection, version) ORDER BY 1
       )

-- begin_list_of_times: the same, and the positions that the list's times stand for
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),
       ARRAY(
           SELECT r.projection FROM queries.rebuilds AS r
             JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
            USING (projection, version) ORDER BY 1
       ),
       ARRAY(
           SELECT ledger.position_at(%(tenant_id)s::uuid, m.at - interval '1 microsecond' * m.exclusive::integer)
             FROM unnest(%(moments)s::timestamptz[], %(exclusive)s::boolean[])
                  WITH ORDINALITY AS m (at, exclusive, ordinal)
            ORDER BY m.ordinal
       )

-- rebuilding_of: those of some read models that are being rebuilt
SELECT ARRAY(
    SELECT r.projection FROM queries.rebuilds AS r
      JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
     USING (projection, version) ORDER BY 1
)
