#!lua flags=allow-oom
-- grant: give a new child its lease.
--
-- KEYS  1 leases
-- ARGV  1 child, 2 seconds
-- returns  1

local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[2]), ARGV[1])
