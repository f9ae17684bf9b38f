-- put_back(prefix, child, id, token, stamp): take an execution from a child and put its job back at the front of
-- its queue, where it was. Returns the job's hash key, or nil when the child does not hold that execution.
local function put_back(prefix, child, id, token, stamp)
  local held = prefix .. ':signalbox:held:' .. child
  if redis.call('HGET', held, id) ~= token then return nil end
  redis.call('HDEL', held, id)
  local hash = prefix .. ':job:' .. id
  local status, queue = unpack(redis.call('HMGET', hash, 'status', 'origin'))
  if not queue then return nil end
  redis.call('ZREM', prefix .. ':wip:' .. queue, id .. ':' .. token)
  if status ~= 'started' then return nil end
  redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
  redis.call('LPUSH', prefix .. ':queue:' .. queue, id)
  return hash
end
