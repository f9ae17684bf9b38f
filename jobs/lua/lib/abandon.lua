-- abandon(prefix, queue, now, stamp, limit, why, recovered): put back the jobs that ran under RQ's own workers when
-- those were killed, as what was lost with one of ours. RQ's worker says every 30 s that it lives, and its key and its
-- execution then live for 60 s more than the next word takes (maintain_heartbeats and get_heartbeat_ttl in
-- rq/worker/base.py). It is gone when half of that is over, or the execution's own time is (StartedJobRegistry.cleanup).
-- Adds the ids put back; one lost more than limit times fails.
local FAR, LATE = '(4102444800', 30 -- what runs under ours is given until 2100

local function abandon(prefix, queue, now, stamp, limit, why, recovered)
  local wip = prefix .. ':wip:' .. queue
  local found = redis.call('ZRANGEBYSCORE', wip, '-inf', FAR, 'WITHSCORES', 'LIMIT', 0, 100)
  for at = 1, #found, 2 do
    local id = string.match(found[at], '^(.*):') or found[at]
    local hash = prefix .. ':job:' .. id
    local status, worker, token = unpack(redis.pcall('HMGET', hash, 'status', 'worker_name', 'execution'))
    local left = worker and redis.call('TTL', prefix .. ':worker:' .. worker)
    if tonumber(found[at + 1]) <= now or (left and left ~= -1 and left <= LATE) then
      redis.call('ZREM', wip, found[at])
      local is_ours = token and redis.call('ZSCORE', wip, id .. ':' .. token)
      if status == 'started' and not is_ours then
        redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
        redis.call('LPUSH', prefix .. ':queue:' .. queue, id)
        if redis.call('HINCRBY', hash, 'lost_leases', 1) > limit then
          poison(prefix, id, hash, now, stamp, why)
        else
          attempt(prefix, id, hash, now, '')
          recovered[#recovered + 1] = id
        end
      end
    end
  end
end
