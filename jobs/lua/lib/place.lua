-- place(prefix, id, queue, lane, now, stamp, front): put a job that may go into its queue, or have it wait in
-- its lane. One that is in no lane yet joins the tail. Returns true when it went to the queue.
local function place(prefix, id, queue, lane, now, stamp, front)
  local hash = prefix .. ':job:' .. id
  if lane and lane ~= '' then
    local list = prefix .. ':signalbox:lane:' .. lane
    local head = redis.call('LINDEX', list, 0)
    if head ~= id then
      if not head or not redis.call('LPOS', list, id) then
        redis.call('ZADD', prefix .. ':signalbox:lanes', 'NX', now, lane)
        redis.call('RPUSH', list, id)
      end
      if head then
        redis.call('HSET', hash, 'status', 'deferred')
        redis.call('ZADD', prefix .. ':deferred:' .. queue, now, id)
        return false
      end
    end
  end
  redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
  redis.call(front and 'LPUSH' or 'RPUSH', prefix .. ':queue:' .. queue, id)
  return true
end
