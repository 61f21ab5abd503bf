-- Every list asks this first: where nothing was switched and nothing is being rebuilt, it takes two looks at empty tables.
CREATE OR REPLACE FUNCTION queries.served_builds(
    of_tenant uuid, projections text[], versions integer[], OUT builds text[], OUT rebuilding text[]
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = read_models, pg_temp AS $$
BEGIN
    builds := projections;
    IF EXISTS (SELECT FROM served_builds) THEN
        builds := ARRAY(
            SELECT queries.served_build(of_tenant, w.projection, w.version)
              FROM unnest(projections, versions) WITH ORDINALITY AS w (projection, version, ordinal) ORDER BY w.ordinal
        );
    END IF;
    rebuilding := '{}';
    IF EXISTS (SELECT FROM rebuilds) THEN
        rebuilding := ARRAY(
            SELECT w.projection FROM unnest(projections, builds, versions) AS w (projection, build, version)
              JOIN rebuilds AS r ON (r.projection, r.version) = (w.build, w.version) ORDER BY 1
        );
    END IF;
END
$$;
