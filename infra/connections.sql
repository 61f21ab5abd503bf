-- set: for the session, those of the settings that this server has, unless an operator or a migration has set them
SELECT set_config(s.name, s.value, false) FROM unnest(%(names)s::text[], %(values)s::text[]) AS s (name, value)
  JOIN pg_settings AS now USING (name) WHERE now.source NOT IN ('database', 'user', 'database user', 'client')
