#!lua flags=allow-oom
-- drop_instance: give back the lock of a type, if it is ours.
--
-- KEYS  1 the lock of the type
-- ARGV  1 token
-- returns  1 given back, 0 it was no longer under this token

-- @include token_of
if token_of(redis.call('GET', KEYS[1])) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
