-- create_history: the table that remembers which migrations ran
CREATE TABLE IF NOT EXISTS public.migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- lock_history: one migration run at a time; the others wait and then find nothing to do
LOCK TABLE public.migrations IN ACCESS EXCLUSIVE MODE

-- history: what ran
SELECT name, sha256 FROM public.migrations ORDER BY name

-- remember: one that ran now
INSERT INTO public.migrations (name, sha256) VALUES (%s, %s)
