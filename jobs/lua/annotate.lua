#!lua flags=allow-oom
-- annotate: leave a note on a lock, if it is ours, for others to read; it goes with the lock.
--
-- KEYS  1 the lock
-- ARGV  1 owner, 2 note (JSON)
-- returns  1, or 0 when it is not ours

if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'note', ARGV[2])
return 1
