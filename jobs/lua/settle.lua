#!lua flags=allow-oom
-- settle: write down how executions ended, each only if its child still holds it; one that it does not is
-- refused, because somebody else has the job. A failure with attempts left is scheduled again. Locks go with it, and slots
-- of rate limits.
--
-- KEYS  1 the child's held jobs, 2 the worker, 3 the outbox of follow-ups, 4 the meters
-- ARGV  1 prefix, 2 worker name, then for each: id, token, outcome (finished, failed, stopped, retried,
--       exhausted, snoozed, unknown),
--       value (finished: the result, base64, or '' for None; unknown: the task that its worker does not know; else the
--       traceback, zlib and base64), started, ended
--       (seconds since 1970), after (failed: -1 not to be tried again, else 0; retried, snoozed, unknown: seconds to wait),
--       note (kept beside the ending, or '')
-- returns  for each 1 accepted, 2 accepted and in the outbox, 3 accepted and to be tried again, 0 refused, 4 failed for
--          good, because something of the job is not what it should be

-- @include iso
-- @include clock
-- @include spare
-- @include advance
-- @include place
-- @include fill_slots
-- @include free_slot
-- @include free
-- @include unpark
-- @include erase
-- @include awaiting
-- @include keep_last
local prefix, worker = ARGV[1], ARGV[2]
local YEAR, FAR, KEPT = 31536000, 4102444800, 100 -- as many attempts as a job may have
local FIELDS = { 'execution', 'key', 'result_ttl', 'group_id', 'rate_limit_key', 'webhooks', 'repeats_left', 'keep' }
local WHEN_NOT_FINISHED = { 'failure_ttl', 'retries_left', 'retry_intervals', 'enqueue_at_front_on_retry' }
local TYPE = { finished = '1', failed = '2', stopped = '3', retried = '4', exhausted = '5' }

-- What is the same for many is done once: by queue, the members to add to a registry with their scores, and the
-- members to remove; and by job its rate limit, if it has one.
local running, finished, failed, limits, kept = {}, {}, {}, {}, {}

local function later(lists, queue, first, second)
  local list = lists[queue]
  if not list then
    list = {}
    lists[queue] = list
  end
  list[#list + 1] = first
  list[#list + 1] = second
end

-- A stream takes 4 KB for its first entry and keeps them; the copy of one takes what its entries need.
local function record(id, token, outcome, value, started, ended, note, ttl)
  local results, draft = prefix .. ':results:' .. id, prefix .. ':signalbox:draft'
  local entry = { 'MAXLEN', KEPT, '*', 'type', TYPE[outcome], 'worker_name', worker, 'execution_id', token,
    'execution_started_at', started, 'execution_ended_at', ended }
  if value ~= '' then
    entry[#entry + 1], entry[#entry + 2] = outcome == 'finished' and 'return_value' or 'exc_string', value
  end
  if note ~= '' then entry[#entry + 1], entry[#entry + 2] = 'note', note end
  redis.call('XADD', draft, unpack(entry))
  if ttl >= 0 then redis.call('EXPIRE', draft, ttl) end
  if redis.call('COPY', draft, results) == 0 then -- there were attempts before
    redis.call('XADD', results, unpack(entry))
    if ttl >= 0 then redis.call('EXPIRE', results, ttl) end
  end
  redis.call('DEL', draft)
end

-- The delay before the next attempt, as RQ picks it from the job's list.
local function backoff(left, intervals)
  local delays = intervals and cjson.decode(intervals) or {}
  return delays[math.max(#delays - left, 0) + 1] or 0
end

local function try_again(id, hash, queue, delay, front)
  if delay > 0 then
    redis.call('HSET', hash, 'status', 'scheduled')
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, now + delay, id)
  else
    redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
    redis.call(front == '1' and 'LPUSH' or 'RPUSH', prefix .. ':queue:' .. queue, id)
  end
end

-- RQ's Repeat: the interval at the head of the list is used up, the last one is kept.
local function run_again(id, hash, queue, lane, repeats)
  local intervals = cjson.decode(redis.call('HGET', hash, 'repeat_intervals') or '[0]')
  local delay = intervals[1] or 0
  if #intervals > 1 then table.remove(intervals, 1) end
  redis.call('HDEL', hash, 'unknown_since')
  redis.call('HSET', hash, 'repeats_left', repeats - 1, 'repeat_intervals', cjson.encode(intervals))
  if lane and lane ~= '' then redis.call('LREM', prefix .. ':signalbox:lane:' .. lane, 1, id) end
  if delay > 0 then
    redis.call('HSET', hash, 'status', 'scheduled')
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, now + delay, id)
  else
    place(prefix, id, queue, lane, now, stamp, false)
  end
end

-- Not its last ending: it goes back for another attempt. It came to an end, so it kills nobody.
local function fail_for_now(id, token, queue, hash, outcome, value, started, ended, note, delay, left, front)
  redis.call('HSET', hash, 'ended_at', stamp)
  redis.call('HDEL', hash, 'suspect', 'shared', 'snoozes', 'unknown_since')
  record(id, token, outcome, value, started, ended, note, YEAR)
  if left then redis.call('HSET', hash, 'retries_left', left)
  else redis.call('HINCRBY', hash, 'number_of_retries', 1) end
  try_again(id, hash, queue, delay, front)
  return 3
end

-- It has not begun: it waits, uncharged, for a worker that knows its task (see recall), or until its time is up.
local function park(id, hash, queue, task, seconds)
  local parked = prefix .. ':signalbox:unknown'
  redis.call('HSETNX', hash, 'unknown_since', string.format('%.6f', now))
  redis.call('HSET', hash, 'unknown', task)
  redis.call('ZADD', parked, 'NX', now, task)
  redis.call('ZADD', parked .. ':' .. task, now, id)
  for _, key in ipairs({ parked, parked .. ':' .. task }) do redis.call('EXPIRE', key, math.ceil(seconds) + 86400) end
  try_again(id, hash, queue, seconds)
  return 1
end

local function settle(id, token, queue, outcome, value, started, ended, after, note, awaited)
  local hash = prefix .. ':job:' .. id
  later(running, queue, id .. ':' .. token)
  local execution, lane, ttl, group, limit, webhooks, repeats, keep = unpack(redis.call('HMGET', hash, unpack(FIELDS)))
  if execution ~= token then return 1 end -- deleted while it ran, and maybe accepted anew
  if limit and limit ~= '' then limits[id] = limit end
  local ok = outcome == 'finished'
  if not ok then
    local left, intervals, front
    ttl, left, intervals, front = unpack(redis.call('HMGET', hash, unpack(WHEN_NOT_FINISHED)))
    left = tonumber(left or 0) or 0
    if outcome == 'snoozed' then
      redis.call('HINCRBY', hash, 'snoozes', 1)
      redis.call('HDEL', hash, 'unknown_since')
      try_again(id, hash, queue, after)
      return 1
    elseif outcome == 'unknown' then
      return park(id, hash, queue, value, after)
    elseif outcome == 'retried' then
      return fail_for_now(id, token, queue, hash, outcome, value, started, ended, note, after, nil, front)
    elseif outcome == 'failed' and left > 0 and after >= 0 then
      local delay = backoff(left, intervals)
      redis.call('HSETNX', hash, 'retries', left) -- how many it had, should it be run anew
      return fail_for_now(id, token, queue, hash, outcome, value, started, ended, note, delay, left - 1, front)
    end
  end
  ttl = tonumber(ttl) or (ok and 500 or YEAR)
  repeats = ok and tonumber(repeats or 0) or 0
  local status, registry = outcome == 'exhausted' and 'failed' or outcome
  local followed = status ~= 'stopped'
    and (webhooks and webhooks ~= '' or awaited and redis.call('EXISTS', hash .. ':dependents') == 1)
  if repeats > 0 then
    redis.call('HSET', hash, 'ended_at', stamp)
    record(id, token, outcome, value, started, ended, note, YEAR)
    run_again(id, hash, queue, lane, repeats)
  elseif ttl == 0 and not followed then
    redis.call('DEL', hash, prefix .. ':results:' .. id, prefix .. ':job::' .. id .. ':dependencies')
    if group and group ~= '' then redis.call('SREM', prefix .. ':group:' .. group, id) end
  else
    if followed and ttl >= 0 then ttl = math.max(ttl, 3600) end
    redis.call('HSET', hash, 'status', status, 'ended_at', stamp)
    if ttl >= 0 then redis.call('EXPIRE', hash, ttl) else redis.call('PERSIST', hash) end
    record(id, token, outcome, value, started, ended, note, ttl)
    registry = ok and finished or failed
  end
  if followed then redis.call('ZADD', KEYS[3], now, id .. ':' .. status) end
  if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
  if registry then later(registry, queue, ttl < 0 and FAR or now + ttl, id) end
  if registry and keep then kept[#kept + 1] = { id, ok and 'finished' or 'failed', keep } end
  return followed and 2 or 1
end

-- A retry_intervals that is no JSON, a key of another type: that job fails alone, and its note says of what.
local function give_up(id, token, queue, outcome, value, started, ended, note, why)
  local hash, lane = prefix .. ':job:' .. id, redis.pcall('HGET', prefix .. ':job:' .. id, 'key')
  note = note .. (note == '' and '' or '; ') .. 'its ending could not be written down: ' .. why
  redis.pcall('HSET', hash, 'status', 'failed', 'ended_at', stamp)
  redis.pcall('EXPIRE', hash, YEAR)
  redis.call('DEL', prefix .. ':signalbox:draft')
  spare(record, id, token, 'failed', (outcome == 'finished' or outcome == 'unknown') and '' or value, started, ended, note, YEAR)
  if type(lane) == 'string' and lane ~= '' then spare(advance, prefix, lane, now, stamp) end
  later(failed, queue, now + YEAR, id)
  return 4
end

local ids, dependents = {}, {}
for at = 3, #ARGV, 8 do
  ids[#ids + 1] = ARGV[at]
  dependents[#dependents + 1] = prefix .. ':job:' .. ARGV[at] .. ':dependents'
end
local held = redis.call('HMGET', KEYS[1], unpack(ids))
local awaited = redis.call('EXISTS', unpack(dependents)) > 0

local replies, let_go, done, undone, busy, refused = {}, {}, 0, 0, 0, 0
for number, id in ipairs(ids) do
  local at = 3 + (number - 1) * 8
  local _, token, outcome, value, started, ended, after, note = unpack(ARGV, at, at + 7)
  local token_held, queue, locks = string.match(held[number] or '', '^(%d+):([^\n]*)\n?(.*)$')
  if token_held == token and not let_go[id] then
    let_go[id], let_go[#let_go + 1] = true, id
    free(prefix, locks)
    local ok, reply = spare(settle, id, token, queue, outcome, value, started, ended, tonumber(after), note, awaited)
    replies[number] = ok and reply or give_up(id, token, queue, outcome, value, started, ended, note, reply)
    if outcome == 'finished' then done = done + 1 elseif outcome ~= 'snoozed' and outcome ~= 'unknown' then undone = undone + 1 end
    busy = busy + (tonumber(ended) - tonumber(started))
  else
    replies[number] = 0
    refused = refused + 1
  end
end
if #let_go > 0 then redis.call('HDEL', KEYS[1], unpack(let_go)) end
for queue, members in pairs(running) do spare(redis.call, 'ZREM', prefix .. ':wip:' .. queue, unpack(members)) end
for queue, members in pairs(finished) do spare(redis.call, 'ZADD', prefix .. ':finished:' .. queue, unpack(members)) end
for queue, members in pairs(failed) do spare(redis.call, 'ZADD', prefix .. ':failed:' .. queue, unpack(members)) end
for number, one in ipairs(kept) do spare(keep_last, prefix, one[1], one[2], one[3], now + number / 1e6, stamp) end
for id, limit in pairs(limits) do -- as RQ has it: one that runs again at once keeps its slot
  if redis.call('HGET', prefix .. ':job:' .. id, 'status') ~= 'queued' then free_slot(prefix, id, limit, now, stamp) end
end
if done > 0 then redis.call('HINCRBY', KEYS[2], 'successful_job_count', done) end
if undone > 0 then redis.call('HINCRBY', KEYS[2], 'failed_job_count', undone) end
if done + undone > 0 then redis.call('HINCRBYFLOAT', KEYS[2], 'total_working_time', string.format('%.6f', busy)) end
if refused > 0 then redis.call('HINCRBY', KEYS[4], 'refused', refused) end
return replies
