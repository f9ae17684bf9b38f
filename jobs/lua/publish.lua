#!lua flags=allow-oom
-- publish: what a process says of itself, with the time it was seen.
-- Rows of the dead stay for some time, and the latest of them, so that one can see when a process died. Those of
-- processes that only put jobs in have a sorted set of their own, and so push out no other's.
--
-- The commit of one that is new is a deploy, at the time when the first process had it; the latest 100 are kept.
--
-- KEYS  1 hash of rows, 2 sorted set of times seen, 3 the marker, 4 sorted set of commits by when each was first seen,
--       5 the names of its tasks
-- ARGV  1 id, 2 row (JSON), 3 a marker to set where there is none, 4 its commit, '' where it is not known,
--       5 seconds for which rows of the dead are kept, 6 how many of them, 7 seconds after which a process may be dead,
--       8 seconds for which the names of its tasks are kept
-- returns  the marker of this db and prefix, the server's time, whether the names of its tasks are there

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) == 1 and ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[4], 'NX', now, ARGV[4])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -101)
end
redis.call('EXPIRE', KEYS[4], 2592000)
redis.call('ZADD', KEYS[2], now, ARGV[1])
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[5])
local many = redis.call('ZCARD', KEYS[2]) - #old - ARGV[6]
if many > 0 then
  old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[7], 'LIMIT', 0, #old + many)
end
for _, id in ipairs(old) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[1], id)
end
redis.call('SET', KEYS[3], ARGV[3], 'NX')
return { redis.call('GET', KEYS[3]), string.format('%.6f', now), redis.call('EXPIRE', KEYS[5], ARGV[8]) }
