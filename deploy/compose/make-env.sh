#!/bin/sh
# Writes .env (or the file named) for docker compose: a random password for every one that docker-compose.yml asks
# for; and beside it .keys/, a key file for each process. What is there already stays as it is, so running this again
# is harmless.
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
echo "$file has a password for everything that docker-compose.yml asks for, $keys a key file for each process"
