-- hand_over(prefix, id, queue, now, stamp): put a scheduled job into its queue or its lane, or have it wait for a slot.
-- Returns true; false when it is not scheduled.
local function hand_over(prefix, id, queue, now, stamp)
  local status, lane, limit, on_retry, ended, at_front, unknown = unpack(redis.call('HMGET', prefix .. ':job:' .. id,
    'status', 'key', 'rate_limit_key', 'enqueue_at_front_on_retry', 'ended_at', 'enqueue_at_front', 'unknown'))
  redis.call('ZREM', prefix .. ':scheduled:' .. queue, id)
  if status ~= 'scheduled' then return false end
  unpark(prefix, id, unknown)
  local front = at_front == '1' or on_retry == '1' and ended and ended ~= ''
  if limit and limit ~= '' then ask_slot(prefix, id, limit, now, stamp, front)
  else place(prefix, id, queue, lane, now, stamp, front) end
  return true
end
