-- A part of a name is found by its trigrams. The extension comes with PostgreSQL, and whoever owns the database may
-- put it there; without it, names are looked through one by one.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX sessions_by_part_of_name ON sessions USING gin (name_key gin_trgm_ops);
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
        RAISE NOTICE 'parts of names are found without an index: %', SQLERRM;
END
$$;
