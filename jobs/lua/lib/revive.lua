-- revive(prefix, id): make a failed or canceled job as good as new: all its attempts, and no error. It is then in no
-- registry, and the caller says where it goes. Returns its queue, and when it was due where it was canceled before that;
-- nil when it is not there or has not failed.
local function revive(prefix, id)
  local hash = prefix .. ':job:' .. id
  local status, queue, retries, left, intervals, due, keep, unknown = unpack(redis.call('HMGET', hash, 'status', 'origin',
    'retries', 'retries_left', 'retry_intervals', 'due', 'keep', 'unknown'))
  if not queue or not (status == 'failed' or status == 'stopped' or status == 'canceled') then return nil end
  for _, registry in ipairs({ 'failed', 'canceled' }) do redis.call('ZREM', prefix .. ':' .. registry .. ':' .. queue, id) end
  local task = string.match(keep or '', '^%d*,%d*,(.+)$')
  if task then redis.call('ZREM', prefix .. ':signalbox:kept:failed:' .. task, id) end
  redis.call('HDEL', hash, 'ended_at', 'started_at', 'interruptions', 'lost_leases', 'suspect', 'shared', 'snoozes',
    'number_of_retries', 'exc_info', 'progress_by', 'due', 'unknown_since')
  unpark(prefix, id, unknown)
  if not retries and intervals then retries = math.max(tonumber(left) or 0, #cjson.decode(intervals)) end
  if retries then redis.call('HSET', hash, 'retries_left', retries) end
  redis.call('PERSIST', hash)
  return queue, status == 'canceled' and tonumber(due) or nil
end
