-- now: the time, as the database has it
SELECT clock_timestamp()
