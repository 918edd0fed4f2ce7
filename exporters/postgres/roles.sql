-- What the demo's PostgreSQL holds on its first start. The exporter's role reads statistics and nothing else.

-- Statistics of statements hold their text, and these say passwords.
set pg_stat_statements.track = 'none';

create role demo login password :'demo_password';

create database demo owner demo;

create role monitor login connection limit 5 password :'monitor_password';

grant pg_monitor to monitor;

create extension pg_stat_statements;

