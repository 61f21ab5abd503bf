-- identity: the system identifier, the timeline (null on a standby), and when the server was started
SELECT system_identifier,
       CASE WHEN NOT pg_is_in_recovery() THEN
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
       END,
       pg_postmaster_start_time()
  FROM pg_control_system()
