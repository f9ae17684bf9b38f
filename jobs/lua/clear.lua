#!lua flags=allow-oom
-- clear: cancel what waits in a lane, and leave behind a head that has failed. What runs, or waits for its next
-- attempt, stays.
--
-- KEYS  1 the lane, 2 the halted lanes
-- ARGV  1 prefix, 2 lane key
-- returns  how many jobs were canceled

-- @include iso
-- @include clock
-- @include advance
local prefix, lane = ARGV[1], ARGV[2]
local canceled = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local hash = prefix .. ':job:' .. id
  local status, queue = unpack(redis.call('HMGET', hash, 'status', 'origin'))
  if status == 'failed' then
    redis.call('LREM', KEYS[1], 1, id)
  elseif status == 'deferred' or status == 'queued' then
    redis.call('LREM', prefix .. ':queue:' .. queue, 1, id)
    redis.call('ZREM', prefix .. ':deferred:' .. queue, id)
    redis.call('HSET', hash, 'status', 'canceled', 'ended_at', stamp)
    redis.call('EXPIRE', hash, 31536000)
    redis.call('ZADD', prefix .. ':canceled:' .. queue, now, id)
    redis.call('LREM', KEYS[1], 1, id)
    canceled = canceled + 1
  end
end
redis.call('ZREM', KEYS[2], lane)
advance(prefix, lane, now, stamp)
return canceled
