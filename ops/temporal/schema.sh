# Brings Temporal's two schemas to the version of the tools in this image; doing it again changes nothing.
set -eu
for database in temporal temporal_visibility; do
  kind=${database#temporal_}
  tool() { temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$database" "$@"; }
  tool setup-schema --version 0.0 || echo "$database has a schema already"
  tool update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$kind/versioned"
done
