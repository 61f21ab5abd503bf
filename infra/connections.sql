-- set: for the session, those of the settings that this server has, unless an operator or a migration has set them
SELECT set_config(s.name, s.value, false) FROM unnest(%(names)s::text[], %(values)s::text[]) AS s (name, value)
  JOIN pg_settings AS now USING (name) WHERE now.source NOT IN ('database', 'user', 'database user', 'client')

-- allow_idle: until the transaction ends; 0 is no bound
SELECT set_config(name, CASE name WHEN 'transaction_timeout' THEN '0' ELSE '10min' END, true)
  FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
