-- Each read model has room for two builds of a version: the one that serves, and one that is built beside it or kept for
-- a way back. Their tables, checkpoints, slices and rebuilds are apart, under the names of the builds: `assets` and
-- `assets_b`. Without a row here the first one serves.
CREATE TABLE read_models.served_builds (
    projection  text NOT NULL,
    version     integer NOT NULL,
    tenant_id   uuid NOT NULL, -- zeros: whoever has no row
    build       text NOT NULL, -- the build that serves
    previous    text,          -- the build that served before, as long as it can serve again
    switched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version, tenant_id)
);
ALTER TABLE read_models.served_builds OWNER TO asset_ledger_projector;

-- The build of a read model that serves a tenant.
CREATE FUNCTION queries.served_build(of_tenant uuid, of_projection text, of_version integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = read_models, pg_temp AS $$
    SELECT coalesce(
        (SELECT s.build FROM served_builds AS s
          WHERE (s.projection, s.version, s.tenant_id) = (of_projection, of_version, of_tenant)),
        (SELECT s.build FROM served_builds AS s
          WHERE (s.projection, s.version, s.tenant_id)
              = (of_projection, of_version, '00000000-0000-0000-0000-000000000000'::uuid)),
        of_projection
    )
$$;
ALTER FUNCTION queries.served_build OWNER TO asset_ledger_projector;
REVOKE ALL ON FUNCTION queries.served_build FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queries.served_build TO asset_ledger_service;

-- Of some read models, the builds that serve a tenant, in the same order, and the names of those that are being rebuilt.
CREATE FUNCTION queries.served_builds(
    of_tenant uuid, projections text[], versions integer[], OUT builds text[], OUT rebuilding text[]
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = read_models, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM served_builds) THEN
        builds := projections;
    ELSE
        builds := ARRAY(
            SELECT queries.served_build(of_tenant, w.projection, w.version)
              FROM unnest(projections, versions) WITH ORDINALITY AS w (projection, version, ordinal) ORDER BY w.ordinal
        );
    END IF;
    rebuilding := ARRAY(
        SELECT w.projection FROM unnest(projections, builds, versions) AS w (projection, build, version)
          JOIN rebuilds AS r ON (r.projection, r.version) = (w.build, w.version) ORDER BY 1
    );
END
$$;
ALTER FUNCTION queries.served_builds OWNER TO asset_ledger_projector;
REVOKE ALL ON FUNCTION queries.served_builds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queries.served_builds TO asset_ledger_service;

-- Those of some builds whose tables exist.
CREATE FUNCTION read_models.present(projections text[], versions integer[])
RETURNS TABLE (projection text, version integer) LANGUAGE sql STABLE AS $$
    SELECT b.projection, b.version FROM unnest(projections, versions) AS b (projection, version)
     WHERE to_regclass(format('read_models.%I', b.projection || '_v' || b.version)) IS NOT NULL
$$;
ALTER FUNCTION read_models.present OWNER TO asset_ledger_projector;

-- Has a build of a read model serve the session's tenant from here on, if it is whole and as far as the one that serves.
-- Neither build is folded meanwhile. Returns the build that served before; null, and nothing is changed, if it is behind
-- or serves already.
CREATE FUNCTION queries.switch_build(of_projection text, of_version integer, to_build text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = read_models, pg_temp AS $$
DECLARE
    of_tenant uuid := ledger.current_tenant();
    of_build text;
    reached bigint;
    required bigint;
BEGIN
    PERFORM FROM progress AS p
      WHERE p.projection IN (of_projection, of_projection || '_b') AND p.version = of_version AND p.tenant_id = of_tenant
      ORDER BY p.projection FOR UPDATE;
    of_build := queries.served_build(of_tenant, of_projection, of_version);
    SELECT p.position INTO reached FROM progress AS p
     WHERE (p.projection, p.version, p.tenant_id) = (to_build, of_version, of_tenant);
    SELECT p.position INTO required FROM progress AS p
     WHERE (p.projection, p.version, p.tenant_id) = (of_build, of_version, of_tenant);
    IF of_build = to_build OR reached IS NULL OR reached < coalesce(required, 0)
       OR EXISTS (SELECT FROM rebuilds AS r WHERE (r.projection, r.version) = (to_build, of_version)) THEN
        RETURN NULL;
    END IF;
    INSERT INTO served_builds (projection, version, tenant_id, build, previous)
    VALUES (of_projection, of_version, of_tenant, to_build, of_build)
        ON CONFLICT (projection, version, tenant_id)
        DO UPDATE SET build = excluded.build, previous = excluded.previous, switched_at = excluded.switched_at;
    RETURN of_build;
END
$$;
ALTER FUNCTION queries.switch_build OWNER TO asset_ledger_projector;
REVOKE ALL ON FUNCTION queries.switch_build FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queries.switch_build TO asset_ledger_service;
