#!lua flags=allow-oom
-- take_instance: become the single worker of a type, if it has none, under a token that only grows.
-- One who holds it already takes it anew: the reply that gave it was lost, or it has stopped its work since.
--
-- KEYS  1 the lock of the type, 2 the last token of each type
-- ARGV  1 type, 2 the worker, 3 what else the value says of it, as members of a JSON object, 4 milliseconds
-- returns  the token, or 0 when another holds it; the value; the milliseconds that it still lives (-1: for ever)

-- @include next_token
local function worker_of(value)
  return string.match(value, '"worker": "([^"]*)"')
end

local held = redis.call('GET', KEYS[1])
if held and worker_of(held) ~= ARGV[2] then
  redis.call('HSETNX', KEYS[2], ARGV[1], 0) -- so that the type is listed, whoever has locked it
  return { 0, held, redis.call('PTTL', KEYS[1]) }
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local token = next_token(KEYS[2], ARGV[1], now)
local value = string.format('{"token": %s, "worker": "%s", "since": %.6f, %s}', token, ARGV[2], now / 1e6, ARGV[3])
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
return { tonumber(token), value, tonumber(ARGV[4]) }
