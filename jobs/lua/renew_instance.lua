#!lua flags=allow-oom
-- renew_instance: stay the single worker of a type.
--
-- KEYS  1 the lock of the type
-- ARGV  1 token, 2 milliseconds
-- returns  1, or 0 when the lock is no longer under this token

-- @include token_of
if token_of(redis.call('GET', KEYS[1])) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
