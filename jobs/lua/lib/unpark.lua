-- unpark(prefix, id, task): a job that waited for a worker that knows its task waits for none any more. task is what its
-- hash says in unknown; nothing is done where that is not there.
local function unpark(prefix, id, task)
  if not task then return end
  local parked = prefix .. ':signalbox:unknown'
  redis.call('HDEL', prefix .. ':job:' .. id, 'unknown')
  redis.call('ZREM', parked .. ':' .. task, id)
  if redis.call('EXISTS', parked .. ':' .. task) == 0 then redis.call('ZREM', parked, task) end
end
