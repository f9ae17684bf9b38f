#!lua flags=allow-oom
-- echo: a heartbeat has gone all the way to a worker; write down when, and how long it took.
--
-- KEYS  1 the queue's heartbeat
-- ARGV  1 job id, 2 worker, 3 the worker's type ('' for none)
-- returns  1, or 0 when a later heartbeat has been sent since

if redis.call('HGET', KEYS[1], 'sent_id') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local took = now - tonumber(redis.call('HGET', KEYS[1], 'sent_at'))
redis.call('HSET', KEYS[1], 'back_id', ARGV[1], 'back_at', string.format('%.6f', now),
  'back_by', ARGV[2], 'took', string.format('%.6f', took))
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'back:' .. ARGV[3], string.format('%.6f', now)) end
return 1
