-- The policy of an append is looked up once an event instead of once an event and tenant of the group: groups of many
-- tenants take a tenth less time.

-- Appends a group of appends, each whole or not at all. Events of one append carry the same append number.
-- Returns a row per event, in the order given: its position and effective time, or why its append was left out:
--   'revision'  one of its revisions is taken
--   'policy'    its tenant's policy is of another revision than the one given with it (0: none; null: any will do)
--   'head'      its tenant's head was not free
-- head_wait: how long to wait for a head, in milliseconds, before lock_not_available is raised; null: for ever;
-- 0: not at all, and appends to heads that are not free are left out.
-- again: the same bytes were sent before, and nobody knows what became of them: what is stored as given is told as
-- appended.
-- entries: the events' bytes one after the other, sizes: how many each has. (An array of them takes several times as
-- long to write and to read.)
-- Raises AL001 for a tenant without a log, AL002 for a clock ahead of ours, AL004 for bytes that are not what the
-- columns say; then nothing of the group is appended.
CREATE OR REPLACE FUNCTION ledger.append(
    tenant_ids uuid[], append_numbers integer[], policy_revisions integer[], originator_ids uuid[],
    originator_versions integer[], topics text[], recorded_ats timestamptz[], sizes integer[], entries bytea,
    head_wait integer, again boolean
) RETURNS TABLE (event_position bigint, event_effective_at timestamptz, refusal text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ledger, pg_temp
-- A plan cached while the table was empty would scan it for ever.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
-- A plan made anew for every call takes longer than the append itself.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    locked uuid[];
    some_left_out boolean;
    latest timestamptz;
    size_of_all bigint;
BEGIN
    -- 1. Queue on the heads, in one order, so that groups cannot deadlock.
    IF head_wait = 0 THEN
        SELECT array_agg(heads.tenant_id) INTO locked FROM (
            SELECT h.tenant_id FROM log_heads AS h WHERE h.tenant_id = ANY (tenant_ids)
             ORDER BY h.tenant_id FOR UPDATE SKIP LOCKED
        ) AS heads;
    ELSE
        IF head_wait > 0 THEN
            PERFORM set_config('lock_timeout', head_wait::text, true);
        END IF;
        SELECT array_agg(heads.tenant_id) INTO locked FROM (
            SELECT h.tenant_id FROM log_heads AS h WHERE h.tenant_id = ANY (tenant_ids)
             ORDER BY h.tenant_id FOR UPDATE
        ) AS heads;
    END IF;
    some_left_out := EXISTS (SELECT FROM unnest(tenant_ids) AS t (id) WHERE t.id <> ALL (coalesce(locked, '{}')));
    IF some_left_out AND EXISTS (
        SELECT FROM unnest(tenant_ids) AS t (id)
         WHERE NOT EXISTS (SELECT FROM log_heads AS h WHERE h.tenant_id = t.id)
    ) THEN
        RAISE EXCEPTION 'a tenant has no log' USING ERRCODE = 'AL001';
    END IF;
    SELECT max(s.recorded_at), sum(s.size) INTO latest, size_of_all
      FROM unnest(recorded_ats, sizes) AS s (recorded_at, size);
    IF latest > clock_timestamp() + interval '5 seconds' THEN
        RAISE EXCEPTION 'recorded_at % is more than 5 s ahead', latest USING ERRCODE = 'AL002';
    END IF;
    IF size_of_all <> octet_length(entries) THEN
        RAISE EXCEPTION 'the sizes make % bytes, but % were sent', size_of_all, octet_length(entries)
            USING ERRCODE = 'AL004';
    END IF;

    -- 2. A new statement has a new snapshot: it sees all that was committed while we queued.
    RETURN QUERY
    WITH sent AS (
        SELECT s.*, substring(
                   entries FROM (sum(s.size) OVER (ORDER BY s.ordinal) - s.size + 1)::integer FOR s.size
               ) AS entry, convert_to(
                   '{"tenant_id":"' || s.tenant_id || '","originator_id":"' || s.originator_id
                   || '","originator_version":' || s.originator_version || ',"topic":"' || s.topic
                   || '","schema_version":', 'UTF8'
               ) AS beginning
          FROM unnest(
              tenant_ids, append_numbers, policy_revisions, originator_ids, originator_versions, topics, recorded_ats,
              sizes
          ) WITH ORDINALITY AS s (
              tenant_id, append_number, policy_revision, originator_id, originator_version, topic, recorded_at, size,
              ordinal
          )
    ), given AS MATERIALIZED (
        SELECT g.tenant_id, g.append_number, g.policy_revision, g.originator_id, g.originator_version, g.topic,
               g.recorded_at, g.ordinal,
               CASE WHEN substring(g.entry FOR octet_length(g.beginning)) = g.beginning
                     AND get_byte(g.entry, octet_length(g.entry) - 1) = ascii('}') THEN g.entry
                    ELSE refuse_entry(g.ordinal, g.beginning) END AS entry,
               some_left_out AND g.tenant_id <> ALL (coalesce(locked, '{}')) AS left_out,
               g.policy_revision <> coalesce(
                   (SELECT p.revision FROM policies AS p WHERE p.tenant_id = g.tenant_id), 0
               ) AS policy_changed,
               e.position AS taken, e.effective_at AS taken_at, e.entry = g.entry AS ours, row_number() OVER (
                   PARTITION BY g.tenant_id, g.originator_id, g.originator_version ORDER BY g.ordinal
               ) AS nth
          FROM sent AS g LEFT JOIN events AS e ON e.tenant_id = g.tenant_id
           AND e.originator_id = g.originator_id AND e.originator_version = g.originator_version
    ), refused AS MATERIALIZED (
        SELECT g.append_number,
               CASE WHEN again AND bool_and(coalesce(g.ours, false)) THEN 'stored'
                    WHEN bool_or(g.left_out) THEN 'head'
                    WHEN bool_or(g.taken IS NOT NULL OR g.nth > 1) THEN 'revision'
                    ELSE 'policy' END AS reason
          FROM given AS g
         GROUP BY g.append_number
        HAVING bool_or(g.taken IS NOT NULL OR g.nth > 1 OR g.left_out OR g.policy_changed)
    ), accepted AS MATERIALIZED (
        SELECT g.*,
               h.position + row_number() OVER (PARTITION BY g.tenant_id ORDER BY g.ordinal) AS position,
               greatest(h.effective_at, max(g.recorded_at) OVER (
                   PARTITION BY g.tenant_id ORDER BY g.ordinal
               )) AS effective_at
          FROM given AS g JOIN log_heads AS h ON h.tenant_id = g.tenant_id
         WHERE g.append_number NOT IN (SELECT r.append_number FROM refused AS r)
    ), inserted AS (
        INSERT INTO events (tenant_id, position, originator_id, originator_version, topic, effective_at, entry)
        SELECT a.tenant_id, a.position, a.originator_id, a.originator_version, a.topic, a.effective_at, a.entry
          FROM accepted AS a
    ), moved AS (
        UPDATE log_heads AS h SET position = m.position, effective_at = m.effective_at
          FROM (SELECT a.tenant_id, max(a.position) AS position, max(a.effective_at) AS effective_at
                  FROM accepted AS a GROUP BY a.tenant_id) AS m
         WHERE h.tenant_id = m.tenant_id
    )
    SELECT told.position, told.effective_at, nullif(told.reason, 'stored') FROM (
        SELECT a.ordinal, a.position, a.effective_at, NULL::text AS reason FROM accepted AS a
        UNION ALL
        SELECT g.ordinal, CASE WHEN r.reason = 'stored' THEN g.taken END,
               CASE WHEN r.reason = 'stored' THEN g.taken_at END, r.reason
          FROM given AS g JOIN refused AS r ON r.append_number = g.append_number
    ) AS told ORDER BY told.ordinal;
END
$$;
