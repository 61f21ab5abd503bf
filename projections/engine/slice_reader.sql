-- settings: a slice is a small part of the log, whatever the statistics say; to sort it in memory is cheap; times that
-- are in UTC are compared without a look at their zones
SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true),
       set_config('cursor_tuple_fraction', '1', true), set_config('TimeZone', 'UTC', true)

-- by_originator: the events of some originators, those of each together
DECLARE slice_entries NO SCROLL CURSOR FOR
 SELECT 1, originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
  WHERE tenant_id = %(tenant_id)s AND originator_id > %(after_originator)s AND originator_id <= %(until_originator)s
    AND position <= %(until_position)s
  ORDER BY originator_id, originator_version

-- by_position: the events of some positions, in their order
DECLARE slice_entries NO SCROLL CURSOR FOR
 SELECT 1, originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
  WHERE tenant_id = %(tenant_id)s AND position > %(after_position)s AND position <= %(until_position)s
  ORDER BY position

-- next: some more of them
FETCH 500 FROM slice_entries
