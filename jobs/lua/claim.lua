#!lua flags=allow-oom
-- claim: give a child the next jobs of its queues, first queue first. The guard: a job is given only when its
-- hash is there, its status is queued, no child holds it, and it heads its lane.
-- What was given is in the child's hash of held jobs, as token:queue, until it is settled; behind it are noted the
-- locks that the job takes. Tokens only grow. A suspect, which has brought its process down before, leaves the queue for
-- the list of its suspects, for its front where it was only near when a process died; who is to run those alone is given this list in the place of the queue.
--
-- KEYS  1 leases, 2 the child's held jobs, 3 the count of executions, 4 suspended, 5 paused queues, 6… queues, or the
--       lists of their suspects
-- ARGV  1 prefix, 2 child, 3 worker name, 4 how many at most, 5… the names of the queues, then for each how many of
--       its jobs may run at once, over all workers ('' for any number)
-- returns  nil when the child has no lease, nothing while it has run out and nobody took it; else for each job: id, token, queue, data, timeout, special 0|1
--          (special: it has callbacks), and where any is given one list more: the time now, then for each queue that
--          gave some its name, how many, when the first and the last of them were put there, and the token of the
--          first, heartbeats left out

-- @include iso
-- @include clock
-- @include spare
-- @include place
-- @include free
local prefix, child, worker, wanted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local lease = redis.call('ZSCORE', KEYS[1], child)
if not lease then return nil end
if tonumber(lease) <= now or redis.call('EXISTS', KEYS[4]) == 1 then return {} end

local YEAR, FAR = 31536000, 4102444800 -- 2100-01-01: RQ's own clean-up leaves the execution to us
local FIELDS = { 'status', 'data', 'timeout', 'key', 'held_by', 'ttl', 'suspect', 'success_callback_name',
  'failure_callback_name', 'stopped_callback_name' }

local function is_given(text)
  return text and text ~= ''
end

local function is_held(id, holder)
  return holder and redis.call('HEXISTS', prefix .. ':signalbox:held:' .. holder, id) == 1
end

local function may_run(id, hash, queue, lane, holder)
  if is_held(id, holder) then
    redis.call('HSET', hash, 'status', 'started') -- some tool pushed it while it runs
    return false
  end
  if not is_given(lane) then return true end
  if redis.call('LINDEX', prefix .. ':signalbox:lane:' .. lane, 0) == id then return true end
  -- Some tool pushed it past its lane. It waits there now, unless the lane is free: then its turn comes by place.
  place(prefix, id, queue, lane, now, stamp, false)
  return false
end

-- What belongs to it is not what it should be, such as a lane that is no list: it fails alone.
local function set_aside(id, hash, queue, why)
  redis.call('HSET', hash, 'status', 'failed', 'ended_at', stamp)
  redis.pcall('ZADD', prefix .. ':failed:' .. queue, now + YEAR, id)
  redis.pcall('XADD', prefix .. ':results:' .. id, '*', 'type', '2', 'execution_ended_at', string.format('%.6f', now),
    'note', 'it could not be given to a worker: ' .. why)
end

local function suspects(queue)
  return prefix .. ':signalbox:suspects:' .. queue
end

local function queued_at(id)
  return redis.call('HGET', prefix .. ':job:' .. id, 'enqueued_at') or stamp
end

-- Tokens are counted out for all the jobs that may come of a queue at once; those not used are never used.
local given, holds, last, waits = {}, {}, 0, { stamp }
for at = 6, #KEYS do
  local queue, missing, running, before = ARGV[at - 1], wanted - #holds / 2, {}, #holds
  local limit = tonumber(ARGV[at - 1 + #KEYS - 5])
  if limit then missing = math.min(missing, limit - redis.call('ZCARD', prefix .. ':wip:' .. queue)) end
  if missing > 0 and redis.call('SISMEMBER', KEYS[5], queue) == 0 then
    local is_list, ids = spare(redis.call, 'LPOP', KEYS[at], missing)
    ids = is_list and ids or {}
    if #ids > 0 then last = redis.call('INCRBY', KEYS[3], #ids) end
    for number, id in ipairs(ids) do
      local hash = prefix .. ':job:' .. id
      local job = redis.pcall('HMGET', hash, unpack(FIELDS))
      local may, sound, why = job[1] == 'queued', true
      if may and (job[5] or is_given(job[4])) then
        sound, why = spare(may_run, id, hash, queue, job[4], job[5])
        may = sound and why
        if not sound then set_aside(id, hash, queue, why) end
      end
      if may and job[7] and KEYS[at] ~= suspects(queue) then
        redis.call(job[7] == 'near' and 'LPUSH' or 'RPUSH', suspects(queue), id)
        may = false
      end
      if may then
        local token = string.format('%d', last - #ids + number)
        redis.call('HSET', hash, 'status', 'started', 'started_at', stamp, 'last_heartbeat', stamp,
          'worker_name', worker, 'held_by', child, 'execution', token)
        if is_given(job[6]) then redis.call('PERSIST', hash) end
        running[#running + 1], running[#running + 2] = FAR, id .. ':' .. token
        holds[#holds + 1], holds[#holds + 2] = id, token .. ':' .. queue
        local n = #given
        given[n + 1], given[n + 2], given[n + 3] = id, token, queue
        given[n + 4], given[n + 5], given[n + 6] = job[2] or '', job[3] or '', (is_given(job[8]) or is_given(job[9]) or is_given(job[10])) and 1 or 0
      end
    end
    if #running > 0 then
      spare(redis.call, 'ZADD', prefix .. ':wip:' .. queue, unpack(running))
      local first, n = before + 1, #waits
      if string.sub(holds[first], 1, 10) == 'heartbeat-' then first = first + 2 end
      if first < #holds then
        waits[n + 1], waits[n + 2], waits[n + 3] = queue, (#holds - first + 1) / 2, queued_at(holds[first])
        waits[n + 4] = first < #holds - 1 and queued_at(holds[#holds - 1]) or waits[n + 3]
        waits[n + 5] = string.match(holds[first + 1], '^%d+')
      end
    end
  end
end
if #holds == 0 then return given end

-- A job that was deleted while this child ran it, and accepted anew, comes a second time: the first is forgotten.
local ids = {}
for at = 1, #holds, 2 do ids[#ids + 1] = holds[at] end
for number, held in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  local token, queue, locks = string.match(held or '', '^(%d+):([^\n]*)\n?(.*)$')
  if token then
    redis.call('ZREM', prefix .. ':wip:' .. queue, ids[number] .. ':' .. token)
    free(prefix, locks)
  end
end
redis.call('HSET', KEYS[2], unpack(holds))
given[#given + 1] = waits
return given
