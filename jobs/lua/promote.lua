#!lua flags=allow-oom
-- promote: hand the scheduled jobs of a queue that are due to the queue, or to their lanes.
-- A job that waits for a rate-limit slot is RQ's to hand over: it stays where it is and is returned.
--
-- KEYS  1 the queue's scheduled registry. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 queue, 3 how many at most
-- returns  how many were handed over, then the ids of due jobs that have a rate limit

-- @include iso
local prefix, queue = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = iso(tonumber(time[1]), tonumber(time[2]))

-- The head of a lane that was tried and is due again keeps its place; a delayed job joins the tail now.
local function heads_lane(id, lane)
  local list = prefix .. ':signalbox:lane:' .. lane
  if not redis.call('LPOS', list, id) then
    redis.call('ZADD', prefix .. ':signalbox:lanes', 'NX', now, lane)
    redis.call('RPUSH', list, id)
  end
  return redis.call('LINDEX', list, 0) == id
end

local moved, limited = 0, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[3])) do
  local hash = prefix .. ':job:' .. id
  local status, lane, limit, retry_front, ended = unpack(
    redis.call('HMGET', hash, 'status', 'key', 'rate_limit_key', 'enqueue_at_front_on_retry', 'ended_at'))
  if status == 'scheduled' and limit and limit ~= '' then
    limited[#limited + 1] = id
  else
    redis.call('ZREM', KEYS[1], id)
    if status == 'scheduled' then
      if not lane or lane == '' or heads_lane(id, lane) then
        redis.call('HSET', hash, 'status', 'queued', 'enqueued_at', stamp)
        local front = retry_front == '1' and ended and ended ~= ''
        redis.call(front and 'LPUSH' or 'RPUSH', prefix .. ':queue:' .. queue, id)
      else
        redis.call('HSET', hash, 'status', 'deferred')
        redis.call('ZADD', prefix .. ':deferred:' .. queue, now, id)
      end
      moved = moved + 1
    end
  end
end
return { moved, unpack(limited) }
