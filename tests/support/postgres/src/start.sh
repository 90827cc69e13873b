# Starts a PostgreSQL server in a new folder, prints the folder, and undoes everything once standard input ends: which it
# does whenever the process of the tests ends, however that comes about.
# Arguments: folder of the programs, then settings for postgresql.conf. Variables: WHOM to admit, for pg_hba.conf; CERTIFICATE and
# KEY, in case a setting turns encryption on; PRIMARY, the connection to a server of which this one is to be a standby.
set -eu
umask 077
bin=$1
shift
place=$(mktemp -d /tmp/watchword-postgres-XXXXXX)
trap 'rm -rf "$place"' EXIT
cd "$place"
if [ -n "${PRIMARY:-}" ]; then
    "$bin/pg_basebackup" --pgdata=data --dbname="$PRIMARY" --write-recovery-conf --checkpoint=fast --no-sync
else
    "$bin/initdb" --pgdata=data --username=watchword --auth=trust --encoding=UTF8 --locale=C --no-sync --no-instructions
fi >log 2>&1 || { cat log >&2; exit 1; }
{
    echo "unix_socket_directories = '$place'"
    for setting in "$@"; do echo "$setting"; done
} >>data/postgresql.conf
echo "$WHOM" >data/pg_hba.conf
echo "$CERTIFICATE" >data/server.crt
echo "$KEY" >data/server.key
"$bin/pg_ctl" start --pgdata=data --wait --silent --log=log >/dev/null 2>&1 || { cat log >&2; exit 1; }
echo "$place"
while read -r _; do :; done
# A test may have left it stopped by a signal.
kill -s CONT "$(head -n 1 data/postmaster.pid 2>/dev/null)" 2>/dev/null || true
"$bin/pg_ctl" stop --pgdata=data --mode=immediate --silent >/dev/null 2>&1 || true
