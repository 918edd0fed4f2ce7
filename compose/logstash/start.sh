#!/bin/bash
# Puts the password into the pipelines, in memory: neither the environment nor an argument ever holds it.
set -euo pipefail
umask 077
mkdir -p /tmp/pipeline
# Its reader may begin before its writer, and does not wait for the folder.
mkdir -p /usr/share/logstash/data/dead_letter_queue/main
password=$(</run/secrets/logstash-writer)
for file in /usr/share/logstash/vitals/*.conf; do
  text=$(<"$file")
  printf '%s\n' "${text//'${LOGSTASH_WRITER}'/"$password"}" >"/tmp/pipeline/${file##*/}"
done
unset password text
exec /usr/local/bin/docker-entrypoint
