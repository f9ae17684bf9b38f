-- show(prefix, worker, state, stamp, seconds, now, first, count): let RQ's tools see what one of ours does: its state
-- (busy or idle), and of the jobs that it runs those that are named from ARGV[first] on, as triples of id, token and
-- for how many seconds each has been running. Each lives for so many seconds.
local function show(prefix, worker, state, stamp, seconds, now, first, count)
  redis.call('HSET', worker, 'last_heartbeat', stamp, 'state', state)
  redis.call('EXPIRE', worker, seconds)
  local index, shown, name = worker .. ':executions', {}, string.sub(worker, #prefix + 9)
  for at = first, first + 3 * count - 1, 3 do
    local id, token, runs = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local execution = id .. ':' .. token
    local key = prefix .. ':execution:' .. execution
    redis.call('HSET', key, 'id', token, 'job_id', id, 'worker_name', name, 'created_at', now - runs, 'last_heartbeat', now)
    redis.call('EXPIRE', key, 10)
    shown[#shown + 1] = execution
  end
  redis.call('DEL', index)
  if #shown > 0 then
    redis.call('SADD', index, unpack(shown))
    redis.call('EXPIRE', index, 10)
  end
end
