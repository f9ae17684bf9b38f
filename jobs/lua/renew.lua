#!lua flags=allow-oom
-- renew: have a lock last so long from now, if it is ours.
--
-- KEYS  1 the lock, 2 the names of locks
-- ARGV  1 owner, 2 milliseconds, 3 name
-- returns  1, or 0 when it is not ours

-- @include list
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
list(KEYS[2], ARGV[3], tonumber(time[1]) + tonumber(time[2]) / 1e6, tonumber(ARGV[2]))
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
