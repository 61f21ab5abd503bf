-- one_at_a_time: the others wait until we commit, and then find nothing to do
SELECT pg_advisory_xact_lock(hashtext('asset-ledger migrations'))

-- create_history: the table that remembers which migrations ran
CREATE TABLE IF NOT EXISTS public.migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON public.migrations TO PUBLIC

-- history: what ran
SELECT name, sha256 FROM public.migrations ORDER BY name

-- remember: one that ran now
INSERT INTO public.migrations (name, sha256) VALUES (%s, %s)
