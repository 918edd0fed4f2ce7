#!/bin/bash
# The password of `elastic` goes into a keystore in memory, made anew at each start: it is never in the environment
# or in an argument, and a changed secret counts from the next start on. Nobody else sets that password.
set -euo pipefail
umask 0027
export ES_PATH_CONF=/tmp/config
rm -rf /tmp/config
cp -r /usr/share/elasticsearch/config /tmp/config
cp /vitals/elasticsearch.yml /tmp/config/elasticsearch.yml

# Without room for memory maps, files are read the plain way: slower, but it starts.
if [ "$(cat /proc/sys/vm/max_map_count)" -lt 262144 ]; then
  echo "vm.max_map_count is below 262144: starting without memory maps (sysctl -w vm.max_map_count=1048576 mends it)"
  echo "node.store.allow_mmap: false" >>/tmp/config/elasticsearch.yml
fi

bin/elasticsearch-keystore create --silent
bin/elasticsearch-keystore add --silent --stdin bootstrap.password </run/secrets/elastic
exec /usr/local/bin/docker-entrypoint.sh eswrapper
