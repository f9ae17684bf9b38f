-- let_go(prefix, id, now, stamp): a job that waits for no other any more goes to its queue or its lane, or waits for a
-- slot. Its time to live, if it has one, begins anew, as in RQ.
local function let_go(prefix, id, now, stamp)
  local hash = prefix .. ':job:' .. id
  local queue, lane, limit, front, ttl =
    unpack(redis.call('HMGET', hash, 'origin', 'key', 'rate_limit_key', 'enqueue_at_front', 'ttl'))
  if not queue then return end -- what is left of a job that was deleted
  redis.call('SADD', prefix .. ':queues', prefix .. ':queue:' .. queue)
  redis.call('ZREM', prefix .. ':deferred:' .. queue, id)
  if tonumber(ttl) and tonumber(ttl) > 0 then redis.call('EXPIRE', hash, ttl) end
  if limit and limit ~= '' then ask_slot(prefix, id, limit, now, stamp, false)
  else place(prefix, id, queue, lane, now, stamp, front == '1') end
end
