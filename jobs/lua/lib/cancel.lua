-- cancel(prefix, id, now, stamp): take a job that waits out of where it waits, and out of its lane. When a scheduled one
-- was due is kept, should it be run anew. Returns true; false when it is not there, or does not wait.
local WAITS = { queued = true, scheduled = true, deferred = true, rate_limited = true }

local function cancel(prefix, id, now, stamp)
  local hash = prefix .. ':job:' .. id
  local status, queue, lane, limit, holder, unknown =
    unpack(redis.call('HMGET', hash, 'status', 'origin', 'key', 'rate_limit_key', 'held_by', 'unknown'))
  if not WAITS[status] or not queue then return false end
  if holder and redis.call('HEXISTS', prefix .. ':signalbox:held:' .. holder, id) == 1 then return false end
  local scheduled = prefix .. ':scheduled:' .. queue
  if status == 'queued' then
    redis.call('LREM', prefix .. ':queue:' .. queue, -1, id)
    redis.call('LREM', prefix .. ':signalbox:suspects:' .. queue, -1, id)
  end
  if status == 'scheduled' and not unknown then redis.call('HSET', hash, 'due', redis.call('ZSCORE', scheduled, id) or now) end
  unpark(prefix, id, unknown)
  redis.call('ZREM', scheduled, id)
  redis.call('ZREM', prefix .. ':deferred:' .. queue, id)
  redis.call('HSET', hash, 'status', 'canceled', 'ended_at', stamp)
  redis.call('EXPIRE', hash, 31536000)
  redis.call('ZADD', prefix .. ':canceled:' .. queue, now, id)
  if limit and limit ~= '' then free_slot(prefix, id, limit, now, stamp) end
  if lane and lane ~= '' then redis.call('LREM', prefix .. ':signalbox:lane:' .. lane, 0, id) end
  return true
end
