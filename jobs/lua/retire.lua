#!lua flags=allow-oom
-- retire: take away the lease of a child that has ended and holds nothing more.
--
-- KEYS  1 leases, 2 the child's held jobs
-- ARGV  1 child
-- returns  1, or 0 when it still holds something

if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
