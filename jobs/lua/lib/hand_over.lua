-- hand_over(prefix, id, queue, now, stamp): put a scheduled job into its queue, or its lane. Returns true; false when it
-- is not scheduled, and nil when it waits for a rate-limit slot: it stays where it is, for RQ to hand over.
local function hand_over(prefix, id, queue, now, stamp)
  local status, lane, limit, front, ended = unpack(redis.call('HMGET', prefix .. ':job:' .. id,
    'status', 'key', 'rate_limit_key', 'enqueue_at_front_on_retry', 'ended_at'))
  if status == 'scheduled' and limit and limit ~= '' then return nil end
  redis.call('ZREM', prefix .. ':scheduled:' .. queue, id)
  if status ~= 'scheduled' then return false end
  place(prefix, id, queue, lane, now, stamp, front == '1' and ended and ended ~= '')
  return true
end
