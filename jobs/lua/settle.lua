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
local YEAR = 31536000
local FIELDS = { 'origin', 'key', 'result_ttl', 'failure_ttl', 'retries_left', 'retry_intervals',
  'enqueue_at_front_on_retry', 'group_id', 'rate_limit_key', 'repeats_left', 'webhooks' }
local TYPE = { finished = '1', failed = '2', stopped = '3', retried = '4', exhausted = '5' }

-- The time to live of a job that is over, in seconds; RQ's -1 means for ever.
local function expire(hash, results, ttl)
  if ttl < 0 then
    redis.call('PERSIST', hash)
    return
  end
  redis.call('EXPIRE', hash, ttl)
  redis.call('EXPIRE', results, ttl)
end

local function record(id, token, outcome, value, started, ended)
  local results = prefix .. ':results:' .. id
  local name = outcome == 'finished' and 'return_value' or 'exc_string'
  local entry = { 'type', TYPE[outcome], 'worker_name', worker, 'execution_id', token,
    'execution_started_at', started, 'execution_ended_at', ended }
  if value ~= '' then
    entry[#entry + 1] = name
    entry[#entry + 1] = value
  end
  redis.call('XADD', results, 'MAXLEN', 10, '*', unpack(entry))
  return results
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
  if delay > 0 then
    redis.call('HSET', hash, 'status', 'scheduled')
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, now + delay, id)
  elseif lane and lane ~= '' then
    redis.call('LREM', prefix .. ':signalbox:lane:' .. lane, 1, id)
    place(prefix, id, queue, lane, now, stamp, false)
  else
    place(prefix, id, queue, lane, now, stamp, false)
  end
end

local function settle(id, token, outcome, value, started, ended, after)
  local hash = prefix .. ':job:' .. id
  local queue, lane, keep, keep_failed, left, intervals, front, group, limit, repeats, webhooks =
    unpack(redis.call('HMGET', hash, unpack(FIELDS)))
  if not queue then return end -- deleted while it ran
  redis.call('ZREM', prefix .. ':wip:' .. queue, id .. ':' .. token)
  local ended_at = iso(math.floor(ended), math.floor((ended % 1) * 1e6))
  left = tonumber(left or 0) or 0
  local again = outcome == 'failed' and left > 0 and after >= 0
  if again or outcome == 'retried' then
    redis.call('HSET', hash, 'ended_at', ended_at)
    redis.call('EXPIRE', record(id, token, outcome, value, started, ended), YEAR)
    if again then redis.call('HSET', hash, 'retries_left', left - 1)
    else redis.call('HINCRBY', hash, 'number_of_retries', 1) end
    try_again(id, hash, queue, again and backoff(left, intervals) or after, front)
    return
  end
  local ok = outcome == 'finished'
  local ttl = tonumber(ok and keep or keep_failed) or (ok and 500 or YEAR)
  repeats = ok and tonumber(repeats or 0) or 0
  local followed = (group and group ~= '') or (limit and limit ~= '') or (webhooks and webhooks ~= '') or redis.call('EXISTS', hash .. ':dependents') == 1
  if repeats > 0 then
    redis.call('HSET', hash, 'ended_at', ended_at)
    redis.call('EXPIRE', record(id, token, outcome, value, started, ended), YEAR)
    run_again(id, hash, queue, lane, repeats)
  elseif ttl == 0 and not followed then
    redis.call('DEL', hash, prefix .. ':results:' .. id)
  else
    if followed then ttl = ttl < 0 and ttl or math.max(ttl, 3600) end
    redis.call('HSET', hash, 'status', outcome == 'exhausted' and 'failed' or outcome, 'ended_at', ended_at)
    expire(hash, record(id, token, outcome, value, started, ended), ttl)
    redis.call('ZADD', prefix .. (ok and ':finished:' or ':failed:') .. queue, ttl < 0 and 4102444800 or now + ttl, id)
  end
  if followed then redis.call('ZADD', KEYS[3], now, id .. ':' .. (outcome == 'exhausted' and 'failed' or outcome)) end
  if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
  return followed
end

local replies, done, failed, busy = {}, 0, 0, 0
for at = 3, #ARGV, 7 do
  local id, token, outcome, value, started, ended, after = unpack(ARGV, at, at + 6)
  if redis.call('HGET', KEYS[1], id) == token then
    redis.call('HDEL', KEYS[1], id)
    replies[#replies + 1] = settle(id, token, outcome, value, tonumber(started), tonumber(ended), tonumber(after))
      and 2 or 1
    if outcome == 'finished' then done = done + 1 else failed = failed + 1 end
    busy = busy + (tonumber(ended) - tonumber(started))
  else
    replies[#replies + 1] = 0
  end
end
if done > 0 then redis.call('HINCRBY', KEYS[2], 'successful_job_count', done) end
if failed > 0 then redis.call('HINCRBY', KEYS[2], 'failed_job_count', failed) end
if done + failed > 0 then redis.call('HINCRBYFLOAT', KEYS[2], 'total_working_time', string.format('%.6f', busy)) end
return replies
