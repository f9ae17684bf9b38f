#!lua flags=allow-oom
-- settle: write down how executions ended, each only if its child still holds it; one that it does not is
-- refused, because somebody else has the job. A failure with attempts left is scheduled again.
--
-- KEYS  1 the child's held jobs, 2 the worker, 3 the outbox of follow-ups
-- ARGV  1 prefix, 2 worker name, then for each: id, token, outcome (finished, failed, stopped, retried, exhausted),
--       value (finished: the result, base64, or '' for None; else the traceback, zlib and base64), started, ended
--       (seconds since 1970), after (failed: -1 not to be tried again, else 0; retried: seconds to wait)
-- returns  for each 1 accepted, 2 accepted and in the outbox, 0 refused

-- @include iso
-- @include clock
-- @include advance
-- @include place
local prefix, worker = ARGV[1], ARGV[2]
local YEAR, FAR = 31536000, 4102444800
local FIELDS = { 'execution', 'key', 'result_ttl', 'failure_ttl', 'retries_left', 'retry_intervals',
  'enqueue_at_front_on_retry', 'group_id', 'rate_limit_key', 'repeats_left', 'webhooks' }
local TYPE = { finished = '1', failed = '2', stopped = '3', retried = '4', exhausted = '5' }

-- What is the same for many is done once: by key, the scores and members to add and the members to remove.
local add, remove = {}, {}

local function later(list, key, ...)
  local items = list[key] or {}
  for _, item in ipairs({ ... }) do items[#items + 1] = item end
  list[key] = items
end

local function record(id, token, outcome, value, started, ended, ttl)
  local results = prefix .. ':results:' .. id
  local entry = { 'type', TYPE[outcome], 'worker_name', worker, 'execution_id', token,
    'execution_started_at', started, 'execution_ended_at', ended }
  if value ~= '' then
    entry[11], entry[12] = outcome == 'finished' and 'return_value' or 'exc_string', value
  end
  redis.call('XADD', results, 'MAXLEN', 10, '*', unpack(entry))
  if ttl >= 0 then redis.call('EXPIRE', results, ttl) end
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
  redis.call('HSET', hash, 'repeats_left', repeats - 1, 'repeat_intervals', cjson.encode(intervals))
  if lane and lane ~= '' then redis.call('LREM', prefix .. ':signalbox:lane:' .. lane, 1, id) end
  if delay > 0 then
    redis.call('HSET', hash, 'status', 'scheduled')
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, now + delay, id)
  else
    place(prefix, id, queue, lane, now, stamp, false)
  end
end

local function settle(id, token, queue, outcome, value, started, ended, after)
  local hash = prefix .. ':job:' .. id
  later(remove, prefix .. ':wip:' .. queue, id .. ':' .. token)
  local execution, lane, keep, keep_failed, left, intervals, front, group, limit, repeats, webhooks =
    unpack(redis.call('HMGET', hash, unpack(FIELDS)))
  if execution ~= token then return end -- deleted while it ran, and maybe accepted anew
  left = tonumber(left or 0) or 0
  local again = outcome == 'failed' and left > 0 and after >= 0
  if again or outcome == 'retried' then
    redis.call('HSET', hash, 'ended_at', stamp)
    record(id, token, outcome, value, started, ended, YEAR)
    if again then redis.call('HSET', hash, 'retries_left', left - 1)
    else redis.call('HINCRBY', hash, 'number_of_retries', 1) end
    try_again(id, hash, queue, again and backoff(left, intervals) or after, front)
    return
  end
  local ok = outcome == 'finished'
  local ttl = tonumber(ok and keep or keep_failed) or (ok and 500 or YEAR)
  repeats = ok and tonumber(repeats or 0) or 0
  local followed = (group and group ~= '') or (limit and limit ~= '') or (webhooks and webhooks ~= '')
    or redis.call('EXISTS', hash .. ':dependents') == 1
  if repeats > 0 then
    redis.call('HSET', hash, 'ended_at', stamp)
    record(id, token, outcome, value, started, ended, YEAR)
    run_again(id, hash, queue, lane, repeats)
  elseif ttl == 0 and not followed then
    redis.call('DEL', hash, prefix .. ':results:' .. id)
  else
    if followed and ttl >= 0 then ttl = math.max(ttl, 3600) end
    redis.call('HSET', hash, 'status', outcome == 'exhausted' and 'failed' or outcome, 'ended_at', stamp)
    if ttl >= 0 then redis.call('EXPIRE', hash, ttl) else redis.call('PERSIST', hash) end
    record(id, token, outcome, value, started, ended, ttl)
    later(add, prefix .. (ok and ':finished:' or ':failed:') .. queue, ttl < 0 and FAR or now + ttl, id)
  end
  if followed then redis.call('ZADD', KEYS[3], now, id .. ':' .. (outcome == 'exhausted' and 'failed' or outcome)) end
  if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
  return followed
end

local ids = {}
for at = 3, #ARGV, 7 do ids[#ids + 1] = ARGV[at] end
local held = redis.call('HMGET', KEYS[1], unpack(ids))

local replies, let_go, done, failed, busy = {}, {}, 0, 0, 0
for number, id in ipairs(ids) do
  local at = 3 + (number - 1) * 7
  local _, token, outcome, value, started, ended, after = unpack(ARGV, at, at + 6)
  local token_held, queue = string.match(held[number] or '', '^(%d+):(.*)$')
  if token_held == token and not let_go[id] then
    let_go[id], let_go[#let_go + 1] = true, id
    replies[number] = settle(id, token, queue, outcome, value, started, ended, tonumber(after)) and 2 or 1
    if outcome == 'finished' then done = done + 1 else failed = failed + 1 end
    busy = busy + (tonumber(ended) - tonumber(started))
  else
    replies[number] = 0
  end
end
if #let_go > 0 then redis.call('HDEL', KEYS[1], unpack(let_go)) end
for key, members in pairs(remove) do redis.call('ZREM', key, unpack(members)) end
for key, members in pairs(add) do redis.call('ZADD', key, unpack(members)) end
if done > 0 then redis.call('HINCRBY', KEYS[2], 'successful_job_count', done) end
if failed > 0 then redis.call('HINCRBY', KEYS[2], 'failed_job_count', failed) end
if done + failed > 0 then redis.call('HINCRBYFLOAT', KEYS[2], 'total_working_time', string.format('%.6f', busy)) end
return replies
