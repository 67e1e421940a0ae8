#!/bin/sh
# Writes .env (or the file named) for docker compose: a random password for every one that docker-compose.yml asks
# for; and beside it .keys/, a key file for each process, and .settings/ for what an operator sets: at first only where
# the pages of the services are found, for their header. What is there already stays as it is, so running this again is
# harmless.
set -eu
cd "$(dirname "$0")/../.."
file=${1:-.env}
keys=$(dirname "$file")/.keys
umask 077
touch "$file"
for name in $(grep -o '\${[A-Z_]*:?' docker-compose.yml | tr -d '${:?' | sort -u); do
    grep -q "^$name=" "$file" ||
        printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >> "$file"
done
mkdir -p "$keys"
for name in $(sed -n 's|.*file: \./\.keys/\(.*\)\.keys.*|\1|p' docker-compose.yml); do
    [ -s "$keys/$name.keys" ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' > "$keys/$name.keys"
    chmod 444 "$keys/$name.keys" # the containers' user reads it; on this machine only its owner enters the folder
done
settings=$(dirname "$file")/.settings
mkdir -p "$settings/files"
chmod 755 "$settings/files" # as with the keys: only the owner enters the folder around it
touch "$settings/env"
grep -q "^WHISTLE_SITES=" "$settings/env" || printf 'WHISTLE_SITES=%s\n' \
    '{"intake":"http://127.0.0.1:8101","department":"http://127.0.0.1:8103","dispatch":"http://127.0.0.1:8102","escalation":"http://127.0.0.1:8104"}' \
    >> "$settings/env"
echo "$file has a password for everything that docker-compose.yml asks for, $keys a key file for each process"
