-- settings: memory and time to sort what all changes of a log add to its sums, found by the tenant and read in one go
SELECT set_config('work_mem', '64MB', true), set_config('statement_timeout', '6h', true), set_config('jit', 'off', true),
       set_config('cursor_tuple_fraction', '1', true)
