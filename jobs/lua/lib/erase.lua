-- erase(prefix, id, now, stamp): remove a job that is over, with all that RQ and we keep of it, and let its lane go on.
-- Returns true; false when there is no such job that is over; nil when what follows its end is still to be done.
-- Its id, where it is unique, stays refused.
local ENDED = { finished = true, failed = true, stopped = true, canceled = true }

local function erase(prefix, id, now, stamp)
  local hash, ours = prefix .. ':job:' .. id, prefix .. ':signalbox:'
  local status, queue, lane, group, holder, unknown =
    unpack(redis.call('HMGET', hash, 'status', 'origin', 'key', 'group_id', 'held_by', 'unknown'))
  if not ENDED[status] or not queue then return false end
  if status == 'canceled' and holder and redis.call('HEXISTS', ours .. 'held:' .. holder, id) == 1 then return false end
  if redis.call('ZSCORE', ours .. 'outbox', id .. ':' .. status) then return nil end
  unpark(prefix, id, unknown)
  local depends = prefix .. ':job::' .. id .. ':dependencies'
  for _, other in ipairs(redis.call('SMEMBERS', depends)) do redis.call('SREM', prefix .. ':job:' .. other .. ':dependents', id) end
  redis.call('DEL', hash, hash .. ':dependents', depends, prefix .. ':results:' .. id)
  for _, registry in ipairs({ 'finished', 'failed', 'canceled' }) do
    redis.call('ZREM', prefix .. ':' .. registry .. ':' .. queue, id)
  end
  if group and group ~= '' then redis.call('SREM', prefix .. ':group:' .. group, id) end
  if lane and lane ~= '' and redis.call('LREM', ours .. 'lane:' .. lane, 0, id) > 0 then advance(prefix, lane, now, stamp) end
  return true
end
