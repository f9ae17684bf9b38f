-- advance(prefix, lane, now, stamp): drop what is over from the head of a lane and let the next job go.
-- Idempotent: a head that waits, runs or is to be tried again is left alone, and one that has failed halts the lane
-- where its policy says so. Returns the id let go, or false.
local OVER = { finished = true, failed = true, stopped = true, canceled = true }

local function advance(prefix, lane, now, stamp)
  local list, halted = prefix .. ':signalbox:lane:' .. lane, prefix .. ':signalbox:halted'
  while true do
    local id = redis.call('LINDEX', list, 0)
    if not id then
      redis.call('ZREM', prefix .. ':signalbox:lanes', lane)
      redis.call('ZREM', halted, lane)
      return false
    end
    local hash = prefix .. ':job:' .. id
    local status, queue, policy = unpack(redis.call('HMGET', hash, 'status', 'origin', 'policy'))
    if status == 'deferred' and queue then
      redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
      redis.call('ZREM', prefix .. ':deferred:' .. queue, id)
      redis.call('RPUSH', prefix .. ':queue:' .. queue, id)
      redis.call('ZREM', halted, lane)
      return id
    end
    if status == 'failed' and policy == 'halt' then
      redis.call('ZADD', halted, 'NX', now, lane)
      return false
    end
    if status and queue and not OVER[status] then
      redis.call('ZREM', halted, lane) -- some tool may have had the head that halted it run anew
      return false
    end
    redis.call('LPOP', list)
  end
end
