#!lua flags=allow-oom
-- due: what a scheduler of its own looks at once a second.
--
-- KEYS  1 rq-scheduler's entries, 2 the slots of schedules, 3 the schedules
-- ARGV  none
-- returns  how many entries and schedules are due, how many schedules there are, the server's time

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
return { redis.call('ZCOUNT', KEYS[1], '-inf', now) + redis.call('ZCOUNT', KEYS[2], '-inf', now),
  redis.call('HLEN', KEYS[3]), string.format('%.6f', now) }
