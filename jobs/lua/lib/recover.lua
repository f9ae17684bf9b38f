-- recover(prefix, leases, now, stamp, limit, why, recovered): take back what children hold whose lease has run out, in
-- the order in which it was given to each. Adds their ids. Which of them ran nobody can say, so one that was
-- lost more than limit times becomes a suspect, which runs alone; lost once more, alone, it fails.
local function recover_one(prefix, child, execution, now, stamp, limit, why, alone)
  local id, token = unpack(execution)
  local hash = put_back(prefix, child, id, token, stamp)
  if not hash then return false end
  local lost = redis.call('HINCRBY', hash, 'lost_leases', 1)
  if lost > limit and alone then
    poison(prefix, id, hash, now, stamp, why)
    return true
  end
  if lost > limit then redis.call('HSET', hash, 'suspect', 'blamed') end
  attempt(prefix, id, hash, now, '')
  return true
end

local function recover_child(prefix, leases, child, now, stamp, limit, why, recovered)
  local key = prefix .. ':signalbox:held:' .. child
  local held, executions = redis.call('HGETALL', key), {}
  for at = 1, #held, 2 do executions[#executions + 1] = { held[at], string.match(held[at + 1], '^%d+') } end
  table.sort(executions, function(a, b) return tonumber(a[2]) > tonumber(b[2]) end)
  for _, execution in ipairs(executions) do
    local ok, back = spare(recover_one, prefix, child, execution, now, stamp, limit, why, #executions == 1)
    if ok and back then recovered[#recovered + 1] = execution[1] end -- a key of another type holds up no other job
  end
  redis.call('DEL', key)
  redis.call('ZREM', leases, child)
end

local function recover(prefix, leases, now, stamp, limit, why, recovered)
  for _, child in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
    recover_child(prefix, leases, child, now, stamp, limit, why, recovered)
  end
  if #recovered > 0 then redis.call('HINCRBY', prefix .. ':signalbox:meters', 'recovered', #recovered) end
end
