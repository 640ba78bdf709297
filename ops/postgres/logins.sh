#!/bin/bash
# Runs once, on an empty data folder: who may log in, and to what.
set -euo pipefail
psql --username postgres --dbname postgres --set ON_ERROR_STOP=1 \
  --set migrator="$CHANGEGATE_MIGRATOR_PASSWORD" --set service="$CHANGEGATE_SERVICE_PASSWORD" \
  --set temporal="$TEMPORAL_PASSWORD" --file /docker-entrypoint-initdb.d/sql/logins.sql
