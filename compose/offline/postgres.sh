#!/bin/bash
# What the official image's entrypoint does: root steps down; an empty data folder becomes a cluster with the
# superuser's password, and the scripts in /docker-entrypoint-initdb.d run once, over the local socket only.
set -euo pipefail

# name VARIABLE DEFAULT: from VARIABLE or the file that VARIABLE_FILE names, as secrets are given.
from_file() {
    local file="${1}_FILE"
    if [ -n "${!file-}" ] && [ -n "${!1-}" ]; then
        echo "error: both $1 and $file are set" >&2
        exit 1
    fi
    [ -z "${!file-}" ] || printf -v "$1" %s "$(< "${!file}")"
    export "$1"="${!1:-${2-}}"
}

run_scripts() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$file" ;;
        esac
    done
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA"
        chown -R postgres "$PGDATA" /run/postgresql
        exec gosu postgres "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        from_file POSTGRES_PASSWORD
        from_file POSTGRES_USER postgres
        from_file POSTGRES_DB "$POSTGRES_USER"
        from_file POSTGRES_INITDB_ARGS
        if [ -z "$POSTGRES_PASSWORD" ]; then
            echo "error: the data folder is empty and POSTGRES_PASSWORD is not given" >&2
            exit 1
        fi
        mkdir -p -m 0700 "$PGDATA"
        eval "initdb -U \"\$POSTGRES_USER\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
        echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
        unset PGPASSWORD
        PGHOST='' pg_ctl -w start -o "$(printf '%q ' "${@:2}" -c listen_addresses=)"
        if [ "$POSTGRES_DB" != postgres ]; then
            psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres -v name="$POSTGRES_DB" \
                <<< 'create database :"name";'
        fi
        run_scripts
        pg_ctl -w -m fast stop
    fi
fi
exec "$@"
