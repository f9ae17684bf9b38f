-- admit: save new jobs, in the order given, and hand each to its queue, its lane or its clock.
-- A job whose id exists is left as it is, so sending a call again after a lost reply is safe.
--
-- KEYS  1 the set of queues. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 seconds for which a unique id stays refused, then for each job:
--       id, queue, lane key ('' for none), delay in seconds, at front 0|1, unique 0|1, n, n × (field, value)
-- returns  for each job 1 created, 0 was there already

-- @include iso
local prefix, remember = ARGV[1], tonumber(ARGV[2])
local ours = prefix .. ':signalbox:'
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = iso(tonumber(time[1]), tonumber(time[2]))

-- Its place in its lane; true when it is the head and may go to the queue.
local function heads_lane(id, lane)
  if lane == '' then return true end
  redis.call('ZADD', ours .. 'lanes', 'NX', now, lane)
  return redis.call('RPUSH', ours .. 'lane:' .. lane, id) == 1
end

-- Pushes to the ends of queues wait for one another, so that many are one command; a push to the front does not.
local ends = {}

-- Hands a job over; returns its status.
local function place(id, queue, lane, delay, front)
  if delay > 0 then
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, now + delay, id)
    return 'scheduled'
  end
  if heads_lane(id, lane) then
    if front then
      redis.call('LPUSH', prefix .. ':queue:' .. queue, id)
    else
      ends[queue] = ends[queue] or {}
      table.insert(ends[queue], id)
    end
    return 'queued'
  end
  redis.call('ZADD', prefix .. ':deferred:' .. queue, now, id)
  return 'deferred'
end

-- The given fields go from ARGV straight to the hash. A table of them would lie between this hash and the next, and once
-- collected leave a gap there: of a million queued so, the server did a quarter fewer a second, where malloc is glibc's.
local function save(id, queue, status, first, last)
  local hash = prefix .. ':job:' .. id
  if status == 'queued' then
    redis.call('HSET', hash, 'created_at', stamp, 'origin', queue, 'status', status, 'enqueued_at', stamp,
      unpack(ARGV, first, last))
  else
    redis.call('HSET', hash, 'created_at', stamp, 'origin', queue, 'status', status, unpack(ARGV, first, last))
  end
end

local function is_new(id, unique)
  if redis.call('EXISTS', prefix .. ':job:' .. id) == 1 then return false end
  return not unique or redis.call('SET', ours .. 'unique:' .. id, 1, 'NX', 'EX', remember) ~= false
end

local created, queues, at = {}, {}, 3
while at <= #ARGV do
  local id, queue, lane, delay, front, unique, count = unpack(ARGV, at, at + 6)
  local first, last = at + 7, at + 6 + 2 * count
  at = last + 1
  if is_new(id, unique == '1') then
    save(id, queue, place(id, queue, lane, tonumber(delay), front == '1'), first, last)
    queues[queue] = true
    created[#created + 1] = 1
  else
    created[#created + 1] = 0
  end
end
for queue in pairs(queues) do redis.call('SADD', KEYS[1], prefix .. ':queue:' .. queue) end
for queue, ids in pairs(ends) do redis.call('RPUSH', prefix .. ':queue:' .. queue, unpack(ids)) end
return created
