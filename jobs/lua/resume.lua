#!lua flags=allow-oom
-- resume: let a lane go on whose head has failed. The head is tried again, with all its attempts, or is left behind
-- where it failed.
--
-- KEYS  1 the lane, 2 the halted lanes
-- ARGV  1 prefix, 2 lane key, 3 try the head again 0|1
-- returns  0 when the lane was not halted; else 1

-- @include iso
-- @include clock
-- @include advance
-- @include unpark
-- @include revive
local prefix, lane = ARGV[1], ARGV[2]
local id = redis.call('LINDEX', KEYS[1], 0)
if not id or redis.call('HGET', prefix .. ':job:' .. id, 'status') ~= 'failed' then return 0 end
redis.call('ZREM', KEYS[2], lane)
if ARGV[3] == '1' then
  local queue = revive(prefix, id)
  redis.call('HSET', prefix .. ':job:' .. id, 'status', 'queued', 'enqueued_at', stamp)
  redis.call('RPUSH', prefix .. ':queue:' .. queue, id)
else
  redis.call('LPOP', KEYS[1])
  advance(prefix, lane, now, stamp)
end
return 1
