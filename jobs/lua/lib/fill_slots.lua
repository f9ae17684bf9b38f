-- fill_slots(prefix, limit, now, stamp): while a rate limit has slots, queue jobs that wait for one, the first first. As
-- in RQ, whose keys these are (rq.rate_limit), a job has its slot from when it is queued until it has ended, or waits for
-- its next attempt.
local function fill_slots(prefix, limit, now, stamp)
  local slots = prefix .. ':rl:' .. limit
  local most = tonumber(redis.call('HGET', slots, 'concurrency') or 0)
  while redis.call('ZCARD', slots .. ':allowed') < most do
    local id = redis.call('ZPOPMIN', slots .. ':rate_limited')[1]
    if not id then return end
    local hash = prefix .. ':job:' .. id
    local status, queue, front = unpack(redis.call('HMGET', hash, 'status', 'origin', 'enqueue_at_front'))
    if status == 'rate_limited' and queue then
      redis.call('ZADD', slots .. ':allowed', now, id)
      redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
      redis.call(front == '1' and 'LPUSH' or 'RPUSH', prefix .. ':queue:' .. queue, id)
    end
  end
end
