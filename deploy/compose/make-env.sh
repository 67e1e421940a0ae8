#!/bin/sh
# Writes .env (or the file named) for docker compose: a random password for every one that docker-compose.yml asks
# for. What the file has already stays as it is, so running this again is harmless.
set -eu
cd "$(dirname "$0")/../.."
file=${1:-.env}
umask 077
touch "$file"
for name in $(grep -o '\${[A-Z_]*:?' docker-compose.yml | tr -d '${:?' | sort -u); do
    grep -q "^$name=" "$file" ||
        printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >> "$file"
done
echo "$file has a password for everything that docker-compose.yml asks for"
