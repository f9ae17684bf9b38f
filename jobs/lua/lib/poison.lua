-- poison(prefix, id, hash, now, stamp, why): fail a job that was put back at the front of its queue too often.
local function poison(prefix, id, hash, now, stamp, why)
  local queue, lane, ttl, description, limit, webhooks, keep =
    unpack(redis.call('HMGET', hash, 'origin', 'key', 'failure_ttl', 'description', 'rate_limit_key', 'webhooks', 'keep'))
  local followed = webhooks and webhooks ~= '' or redis.call('EXISTS', hash .. ':dependents') == 1
  ttl = tonumber(ttl) or 31536000
  if followed and ttl >= 0 then ttl = math.max(ttl, 3600) end
  redis.call('LREM', prefix .. ':queue:' .. queue, 1, id)
  redis.call('HSET', hash, 'status', 'failed', 'ended_at', stamp)
  attempt(prefix, id, hash, now, why, true)
  for _, key in ipairs({ hash, prefix .. ':results:' .. id }) do
    if ttl < 0 then redis.call('PERSIST', key) else redis.call('EXPIRE', key, ttl) end
  end
  redis.call('ZADD', prefix .. ':failed:' .. queue, ttl < 0 and 4102444800 or now + ttl, id)
  if followed then redis.call('ZADD', prefix .. ':signalbox:outbox', now, id .. ':failed') end
  if limit and limit ~= '' then free_slot(prefix, id, limit, now, stamp) end
  if keep then keep_last(prefix, id, 'failed', keep, now, stamp) end
  if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
  if string.sub(id, 1, 10) == 'heartbeat-' then return end
  local task = string.match(description or '', '^([%a_][%w_.]*)%(')
  for _, name in ipairs({ 'all', 'queue:' .. queue, task and 'task:' .. task }) do tally(prefix, now, name, 'b1') end
end
