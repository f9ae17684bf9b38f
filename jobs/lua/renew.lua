#!lua flags=allow-oom
-- renew: have a lock last so long from now, if it is ours.
--
-- KEYS  1 the lock
-- ARGV  1 owner, 2 milliseconds
-- returns  1, or 0 when it is not ours

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
