-- awaiting(prefix, id, status, most): the ids of jobs that wait for one because they depend on it, as RQ has it, where
-- that is, or were, in this status: nobody waits for what has finished, and for what has failed those do not that allow
-- for it. Of many, the first so many by their ids.
local function awaiting(prefix, id, status, most)
  local found = {}
  if not status or status == 'finished' then return found end
  local others = redis.call('SMEMBERS', prefix .. ':job:' .. id .. ':dependents')
  table.sort(others)
  for _, other in ipairs(others) do
    if #found == most then return found end
    local state, may_fail = unpack(redis.call('HMGET', prefix .. ':job:' .. other, 'status', 'allow_dependency_failures'))
    if state == 'deferred' and not (status == 'failed' and may_fail == '1')
      and redis.call('SISMEMBER', prefix .. ':job::' .. other .. ':dependencies', id) == 1 then
      found[#found + 1] = other
    end
  end
  return found
end
