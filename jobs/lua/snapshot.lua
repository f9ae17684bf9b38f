#!lua flags=no-writes
-- snapshot: the line at one moment: its processes and queues, and those of its jobs and lanes that one would ask about.
-- Where a key of one queue, lane, job or worker is not what it should be, its error stands in the place of its reply.
--
-- KEYS  1 the marker, 2 the scheduler's lease, 3 the time of the last tick, 4 what is there while all is suspended,
--       5 hash of rows, 6 sorted set of times seen, 7 the set of queues, 8 the paused ones, 9 sorted set of halted
--       lanes, 10 the set of RQ's workers, 11 the times seen of processes that only put jobs in, 12 the tasks that jobs
--       wait for, as no worker knew them
-- ARGV  1 prefix, 2 how the ids of heartbeats begin, 3 the last of the first jobs of a queue that are wanted, from 0,
--       4 how many of those that failed last, 5 how many halted lanes, 6 how many scheduled jobs are looked at for
--       those that are to be tried again, those due first, queue after queue, 7… queues that need not exist
-- returns  the time, keys 1 to 3, whether there is key 4, the rows, the times seen, the paused queues, how many lanes
--          are halted, the times seen of key 11; for each queue its name, its length with its suspects, its first jobs, how many are
--          running, finished, failed, scheduled and deferred, the first that run, its heartbeat, the scheduled one that
--          is due first, when the first job was put there and its data, of each that failed last its id and the end of
--          its results, of those of the first deferred that depend on a few others whether these may fail, and each with its status, of
--          the scheduled how many are to be tried again and how many of the others are due, and of each of the first
--          that run under RQ's own workers its id, until when RQ gives it, and its worker;
--          for each halted lane its key, since when, its head, its depth; for each job that a process says it runs
--          and that has a lane its id, the lane's key and depth; for each of RQ's workers its key, its queues and, of one
--          that is none of ours, how many listen for its commands, and its seconds to live; for each of the
--          first tasks of key 12 its name, how many jobs wait for it, the first of them, since when that does, its
--          queue, and when it fails

local prefix, beats, last, failures = unpack(ARGV)
local left_to_look_at = tonumber(ARGV[6])
local read, FEW = redis.pcall, 10

local function lane(key)
  return prefix .. ':signalbox:lane:' .. key
end

local function is_job(id)
  return string.sub(id, 1, #beats) ~= beats
end

local function head_of(ids)
  for _, id in ipairs(ids) do
    if is_job(id) then return read('HMGET', prefix .. ':job:' .. id, 'enqueued_at', 'data') end
  end
  return { false, false }
end

local function ends_of(ids)
  local ends = {}
  for _, id in ipairs(ids) do
    if is_job(id) then
      ends[#ends + 1] = id
      ends[#ends + 1] = read('XREVRANGE', prefix .. ':results:' .. id, '+', '-', 'COUNT', 1)[1] or false
    end
  end
  return ends
end

local function dependent(ids)
  local found = {}
  for _, id in ipairs(ids) do
    local status, others, may_fail = unpack(read('HMGET', prefix .. ':job:' .. id, 'status', 'dependency_ids',
      'allow_dependency_failures'))
    local is_list, list = pcall(cjson.decode, status == 'deferred' and others or '')
    if is_list and type(list) == 'table' and #list > 0 and #list <= FEW then
      local states = {}
      for _, one in ipairs(list) do
        local other = tostring(one)
        states[#states + 1] = other
        states[#states + 1] = read('HGET', prefix .. ':job:' .. other, 'status')
      end
      found[#found + 1] = { id, may_fail, states }
    end
  end
  return found
end

-- How many have failed and wait for their next attempt, as state_of says in jobs/catalog/states.py, and how many others
-- are due by now. A retry comes soon, so it is among the first.
local function by_the_clock(scheduled, now)
  local again, due = 0, read('ZCOUNT', scheduled, '-inf', now)
  if left_to_look_at < 1 then return again, due end
  local found = read('ZRANGE', scheduled, 0, left_to_look_at - 1, 'WITHSCORES')
  left_to_look_at = left_to_look_at - #found / 2
  for at = 1, #found, 2 do
    local first, left, times = unpack(read('HMGET', prefix .. ':job:' .. found[at], 'retries', 'retries_left',
      'number_of_retries'))
    if (tonumber(times) or 0) > 0 or (tonumber(left) or 0) < (tonumber(first) or 0) then
      again = again + 1
      if tonumber(found[at + 1]) <= now then due = due - 1 end
    end
  end
  return again, due
end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

-- Ours are given until 2100.
local function foreign(wip)
  local found, runs = read('ZRANGEBYSCORE', wip, '-inf', '(4102444800', 'WITHSCORES', 'LIMIT', 0, last + 1), {}
  for at = 1, #found, 2 do
    local id = string.match(found[at], '^(.*):') or found[at]
    local status, worker = unpack(read('HMGET', prefix .. ':job:' .. id, 'status', 'worker_name'))
    if status == 'started' and worker then runs[#runs + 1] = { id, found[at + 1], worker } end
  end
  return runs
end

local function look(name)
  local list, wip, scheduled = prefix .. ':queue:' .. name, prefix .. ':wip:' .. name, prefix .. ':scheduled:' .. name
  local failed, suspects = prefix .. ':failed:' .. name, prefix .. ':signalbox:suspects:' .. name
  local first, waiting, apart = read('LRANGE', list, 0, last), read('LLEN', list), read('LLEN', suspects)
  if tonumber(waiting) and tonumber(apart) then waiting = waiting + apart end
  if waiting == apart then first = read('LRANGE', suspects, 0, last) end
  local deferred = prefix .. ':deferred:' .. name
  local again, due = by_the_clock(scheduled, now)
  return { name, waiting, first, read('ZCARD', wip), read('ZCARD', prefix .. ':finished:' .. name),
    read('ZCARD', failed), read('ZCARD', scheduled), read('ZCARD', deferred),
    read('ZRANGE', wip, 0, last), read('HGETALL', prefix .. ':signalbox:heartbeat:' .. name),
    read('ZRANGE', scheduled, 0, 0, 'WITHSCORES'), head_of(first), ends_of(read('ZRANGE', failed, -failures, -1)),
    dependent(read('ZRANGE', deferred, 0, last)), again, due, foreign(wip) }
end

local queues, looked_at = {}, {}
local function look_once(name)
  if not looked_at[name] then looked_at[name], queues[#queues + 1] = true, look(name) end
end
for at = 7, #ARGV do look_once(ARGV[at]) end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[7])) do look_once(string.sub(key, #prefix + 8)) end

local halted, lanes = {}, redis.call('ZRANGE', KEYS[9], 0, ARGV[5] - 1, 'WITHSCORES')
for at = 1, #lanes, 2 do
  local list = lane(lanes[at])
  halted[#halted + 1] = { lanes[at], lanes[at + 1], read('LINDEX', list, 0), read('LLEN', list) }
end

-- To decode the rows takes twice as long, and ids of jobs need none of it.
local behind, rows = {}, redis.call('HGETALL', KEYS[5])
for at = 2, #rows, 2 do
  local place = string.find(rows[at], '"running":', 1, true)
  local running = place and string.match(rows[at], '^"running": *(%b[])', place) or ''
  for id in string.gmatch(running, '"id": *"([^"]+)"') do
    local key = read('HGET', prefix .. ':job:' .. id, 'key')
    if type(key) == 'string' and key ~= '' then behind[#behind + 1] = { id, key, read('LLEN', lane(key)) } end
  end
end

local workers = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[10])) do
  workers[#workers + 1] = key
  workers[#workers + 1] = read('HGET', key, 'queues')
  local name = string.sub(key, #prefix + 9)
  local is_ours = string.match(name, '^%a+%-.+%-%d+%-%x+$')
  workers[#workers + 1] = not is_ours and read('PUBSUB', 'NUMSUB', prefix .. ':pubsub:' .. name)[2] or false
  workers[#workers + 1] = read('TTL', key)
end

local parked = {}
for _, task in ipairs(redis.call('ZRANGE', KEYS[12], 0, FEW - 1)) do
  local key = KEYS[12] .. ':' .. task
  local first = read('ZRANGE', key, 0, 0, 'WITHSCORES')
  local queue = first[1] and read('HGET', prefix .. ':job:' .. first[1], 'origin')
  if type(queue) == 'string' then
    local until_then = read('ZSCORE', prefix .. ':scheduled:' .. queue, first[1])
    parked[#parked + 1] = { task, read('ZCARD', key), first[1], first[2], queue, until_then }
  end
end

return { { time, redis.call('MGET', KEYS[1], KEYS[2], KEYS[3]), redis.call('EXISTS', KEYS[4]), rows,
  redis.call('ZRANGE', KEYS[6], 0, -1, 'WITHSCORES'), redis.call('SMEMBERS', KEYS[8]), redis.call('ZCARD', KEYS[9]),
  redis.call('ZRANGE', KEYS[11], 0, -1, 'WITHSCORES') },
  queues, halted, behind, workers, parked }
