#!lua flags=allow-oom
-- revoke_instance: take the lock of a type from whoever holds it. The lock lives on, as nobody's, for as long as
-- the holder may still trust in it, so that nobody starts beside it. One that would live for ever goes at once.
--
-- KEYS  1 the lock of the type, 2 the last token of each type
-- ARGV  1 type
-- returns  nil when nobody held it; else the value it had, and the milliseconds until it is free

-- @include next_token
local held = redis.call('GET', KEYS[1])
if not held then return nil end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('DEL', KEYS[1])
  return { held, 0 }
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local value = string.format('{"token": %s, "worker": "", "since": %.6f}', next_token(KEYS[2], ARGV[1], now), now / 1e6)
redis.call('SET', KEYS[1], value, 'KEEPTTL')
return { held, left }
