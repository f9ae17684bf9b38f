-- revive(prefix, id): make a failed job as good as new: all its attempts, and no error. It is then in no registry, and
-- the caller says where it goes. Returns its queue, or nil when it is not there or has not failed.
local function revive(prefix, id)
  local hash = prefix .. ':job:' .. id
  local status, queue, retries, left, intervals =
    unpack(redis.call('HMGET', hash, 'status', 'origin', 'retries', 'retries_left', 'retry_intervals'))
  if not queue or not (status == 'failed' or status == 'stopped' or status == 'canceled') then return nil end
  for _, registry in ipairs({ 'failed', 'canceled' }) do redis.call('ZREM', prefix .. ':' .. registry .. ':' .. queue, id) end
  redis.call('HDEL', hash, 'ended_at', 'started_at', 'interruptions', 'lost_leases', 'suspect', 'shared', 'snoozes',
    'number_of_retries', 'exc_info', 'progress_by')
  if not retries and intervals then retries = math.max(tonumber(left) or 0, #cjson.decode(intervals)) end
  if retries then redis.call('HSET', hash, 'retries_left', retries) end
  redis.call('PERSIST', hash)
  return queue
end
