-- ask_slot(prefix, id, limit, now, stamp, front): queue a job as soon as there is a slot, which may be now.
local function ask_slot(prefix, id, limit, now, stamp, front)
  local hash, slots = prefix .. ':job:' .. id, prefix .. ':rl:' .. limit
  redis.call('SADD', prefix .. ':rl-keys', limit)
  redis.call('HSET', slots, 'concurrency', redis.call('HGET', hash, 'rate_limit_concurrency') or 1)
  redis.call('ZREM', slots .. ':allowed', id)
  redis.call('HSET', hash, 'status', 'rate_limited')
  if front then redis.call('HSET', hash, 'enqueue_at_front', 1) end
  local last = tonumber(redis.call('ZRANGE', slots .. ':rate_limited', -1, -1, 'WITHSCORES')[2] or 0)
  redis.call('ZADD', slots .. ':rate_limited', string.format('%.6f', math.max(now, last + 1e-6)), id)
  fill_slots(prefix, limit, now, stamp)
end
