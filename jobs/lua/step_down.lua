#!lua flags=allow-oom
-- step_down: give back the scheduler's lease, if it is ours.
--
-- KEYS  1 the scheduler's lease
-- ARGV  1 holder
-- returns  1 given back, 0 it was another's

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
