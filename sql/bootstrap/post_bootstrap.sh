#!/bin/sh
# Patroni's post_bootstrap: runs once, when a cluster is made, with a superuser's connection string as $1.
# Patroni hands the password over in a PGPASSFILE, so none is read or printed here. Safe to run again at any time.
#
#   bootstrap:
#     post_bootstrap: /…/sql/bootstrap/post_bootstrap.sh
#
# GARDENOS_DBNAME names the database (default: gardenos); it is created when missing.
# PSQL names the psql to use (default: psql on the PATH).
set -eu

if [ "$#" -ne 1 ]; then
    echo "post_bootstrap.sh: pass one argument, a superuser's connection URL" >&2
    exit 64
fi

url=$1
database=${GARDENOS_DBNAME:-gardenos}
psql=${PSQL:-psql}
case $database in
    *[!A-Za-z0-9_-]*)
        echo "post_bootstrap.sh: GARDENOS_DBNAME may hold letters, digits, _ and - only" >&2
        exit 64
        ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

run() {
    "$psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

exists=$(run -A -t -v "database=$database" -d "$url" <<'SQL'
select count(*) from pg_catalog.pg_database where datname = :'database';
SQL
)
if [ "$exists" = 0 ]; then
    run -v "database=$database" -d "$url" <<'SQL'
create database :"database" template template0 encoding 'UTF8';
SQL
fi

# The same server, user and options, another database.
target() {
    case $url in
        postgres://* | postgresql://*)
            base=${url%%\?*}
            query=${url#"$base"}
            rest=${base#*://}
            printf '%s://%s/%s%s' "${base%%://*}" "${rest%%/*}" "$database" "$query"
            ;;
        *)
            printf "%s dbname='%s'" "$url" "$database"
            ;;
    esac
}

for file in "$here"/[0-9][0-9]_*.sql; do
    run -1 -d "$(target)" -f "$file" >/dev/null
done

missing=$(run -A -t -d "$(target)" -f "$here/verify.sql")
if [ -n "$missing" ]; then
    echo "post_bootstrap.sh: bootstrap ran, but this is still missing:" >&2
    echo "$missing" >&2
    exit 1
fi
