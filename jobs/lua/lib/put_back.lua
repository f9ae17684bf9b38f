-- put_back(prefix, child, id, token, stamp): take an execution from a child and put its job back at the front of
-- its queue, where it was, and free its locks. Returns the job's hash key, or nil when the child does not hold that
-- execution.
local function put_back(prefix, child, id, token, stamp)
  local held = prefix .. ':signalbox:held:' .. child
  local token_held, queue, locks = string.match(redis.call('HGET', held, id) or '', '^(%d+):([^\n]*)\n?(.*)$')
  if token_held ~= token then return nil end
  redis.call('HDEL', held, id)
  free(prefix, locks)
  redis.call('ZREM', prefix .. ':wip:' .. queue, id .. ':' .. token)
  local hash = prefix .. ':job:' .. id
  local status, execution = unpack(redis.call('HMGET', hash, 'status', 'execution'))
  if status ~= 'started' or execution ~= token then return nil end
  redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
  redis.call('LPUSH', prefix .. ':queue:' .. queue, id)
  return hash
end
