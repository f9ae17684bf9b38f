-- poison(prefix, id, hash, now, stamp, why): fail a job that was put back at the front of its queue too often.
local function poison(prefix, id, hash, now, stamp, why)
  local queue, lane, ttl, description, limit, webhooks =
    unpack(redis.call('HMGET', hash, 'origin', 'key', 'failure_ttl', 'description', 'rate_limit_key', 'webhooks'))
  ttl = tonumber(ttl) or 31536000
  redis.call('LREM', prefix .. ':queue:' .. queue, 1, id)
  redis.call('HSET', hash, 'status', 'failed', 'ended_at', stamp)
  redis.call('EXPIRE', hash, ttl)
  attempt(prefix, id, hash, now, why, true)
  redis.call('EXPIRE', prefix .. ':results:' .. id, ttl)
  redis.call('ZADD', prefix .. ':failed:' .. queue, now + ttl, id)
  if webhooks and webhooks ~= '' or redis.call('EXISTS', hash .. ':dependents') == 1 then
    redis.call('ZADD', prefix .. ':signalbox:outbox', now, id .. ':failed')
  end
  if limit and limit ~= '' then free_slot(prefix, id, limit, now, stamp) end
  if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
  if string.sub(id, 1, 10) == 'heartbeat-' then return end
  local task = string.match(description or '', '^([%a_][%w_.]*)%(')
  for _, name in ipairs({ 'all', 'queue:' .. queue, task and 'task:' .. task }) do tally(prefix, now, name, 'b1') end
end
