#!/bin/sh
# Run once by the postgres image, in an empty data folder.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres -f /etc/postgresql/roles.sql \
    -v demo_password="$(cat /run/secrets/postgres)" -v monitor_password="$(cat /run/secrets/postgres-monitor)"
