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
-- @include cancel
local prefix, lane = ARGV[1], ARGV[2]
local canceled = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local status = redis.call('HGET', prefix .. ':job:' .. id, 'status')
  if status == 'failed' then
    redis.call('LREM', KEYS[1], 1, id)
  elseif (status == 'deferred' or status == 'queued') and cancel(prefix, id, now, stamp) then
    redis.call('LREM', KEYS[1], 1, id)
    canceled = canceled + 1
  end
end
redis.call('ZREM', KEYS[2], lane)
advance(prefix, lane, now, stamp)
return canceled
