-- fire: let one slot of a schedule happen: set the schedule to its next slot and admit the job of this one, if it is
-- still the slot that the caller saw. So a slot happens once, whoever else sees it, and none is lost between the two.
--
-- KEYS  1 the slots (a sorted set), 2 what is kept of the schedule (a hash), 3 the set of queues
-- ARGV  1 prefix, 2 schedule, 3 the slot seen, 4 the next one, 5 is this its last job 0|1, 6 may it overlap 0|1,
--       7 job id, 8 queue, 9 lane key ('' for none), 10 at front 0|1, 11 n, n × (field, value) to be kept of the
--       schedule, then field, value of the job
-- returns  1 done; 0 it was not the slot any more, or was passed over, because the last job still waits or runs

-- @include iso
-- @include clock
-- @include place
local prefix, schedule, slot = ARGV[1], ARGV[2], tonumber(ARGV[3])
local id, queue, count = ARGV[7], ARGV[8], tonumber(ARGV[11])

local UNDER_WAY = { queued = true, deferred = true, scheduled = true, started = true }
local function under_way(job)
  return job and UNDER_WAY[redis.call('HGET', prefix .. ':job:' .. job, 'status') or '']
end

local seen = redis.call('ZSCORE', KEYS[1], schedule)
if not seen or tonumber(seen) ~= slot then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], schedule)
local ticked, job, extra = unpack(redis.call('HMGET', KEYS[2], 'ticked', 'tick_job', 'extra_job'))
local hash = prefix .. ':job:' .. id
if (ticked and slot <= tonumber(ticked)) or redis.call('EXISTS', hash) == 1 then return 0 end
if ARGV[6] == '0' and (under_way(job) or under_way(extra)) then
  redis.call('HSET', KEYS[2], 'passed', ARGV[3])
  return 0
end
redis.call('HSET', hash, 'created_at', stamp, 'origin', queue, unpack(ARGV, 12 + 2 * count))
place(prefix, id, queue, ARGV[9], now, stamp, ARGV[10] == '1')
redis.call('SADD', KEYS[3], prefix .. ':queue:' .. queue)
redis.call('HSET', KEYS[2], 'ticked', ARGV[3], 'tick_job', id, unpack(ARGV, 12, 11 + 2 * count))
if ARGV[5] == '1' then
  redis.call('ZREM', KEYS[1], schedule)
  redis.call('DEL', KEYS[2])
end
return 1
