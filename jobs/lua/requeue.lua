#!lua flags=allow-oom
-- requeue: have jobs run anew that failed, were stopped or were canceled: with all their attempts and no error, at the
-- tail of their queue or lane. One that still heads its lane, because it halted it, stays there and the lane goes on.
-- One that was canceled before its time waits for that, as does one that was while it waited for another job; one with
-- a rate limit waits for a slot.
--
-- KEYS  1 the set of queues, 2 the halted lanes. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… ids
-- returns  for each 1 runs anew, 0 it is not there, or has not failed

-- @include iso
-- @include clock
-- @include place
-- @include fill_slots
-- @include ask_slot
-- @include met
-- @include unpark
-- @include revive
local prefix = ARGV[1]

-- Was it canceled, and is another job that it depends on, as RQ sees it, still not done?
local function still_waits(id, hash)
  local status, may_fail = unpack(redis.call('HMGET', hash, 'status', 'allow_dependency_failures'))
  return status == 'canceled' and not met(prefix, id, may_fail)
end

local function requeue(id)
  local hash = prefix .. ':job:' .. id
  local waits = still_waits(id, hash)
  local queue, due = revive(prefix, id)
  if not queue then return 0 end
  local lane, limit = unpack(redis.call('HMGET', hash, 'key', 'rate_limit_key'))
  redis.call('SADD', KEYS[1], prefix .. ':queue:' .. queue)
  if waits then
    redis.call('HSET', hash, 'status', 'deferred')
    redis.call('ZADD', prefix .. ':deferred:' .. queue, now, id)
  elseif due and due > now then
    redis.call('HSET', hash, 'status', 'scheduled')
    redis.call('ZADD', prefix .. ':scheduled:' .. queue, due, id)
  elseif limit and limit ~= '' then
    redis.call('HDEL', hash, 'enqueue_at_front')
    ask_slot(prefix, id, limit, now, stamp, false)
  elseif place(prefix, id, queue, lane, now, stamp, false) and lane and lane ~= '' then
    redis.call('ZREM', KEYS[2], lane)
  end
  return 1
end

local found = {}
for at = 2, #ARGV do found[#found + 1] = requeue(ARGV[at]) end
return found
