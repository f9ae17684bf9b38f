#!lua flags=allow-oom
-- tick: what a keeper does once a second. Renews the leases of its children, takes back what children hold whose
-- lease has run out (anybody's) and what RQ's own workers ran that are gone, hands over what is due, sweeps the lanes, and drops what is kept no longer.
-- Where nobody ticked for half a lease, the server or all keepers were away: leases get one more time.
--
-- KEYS  1 leases, 2 the time of the last tick, 3 the set of queues, 4 the sorted set of lanes, 5 the worker,
--       6 the scheduler's lease, 7 rq-scheduler's entries, 8 the outbox, 9 the slots of schedules, 10 the schedules
-- ARGV  1 prefix, 2 seconds of a lease, 3 lost leases that a job survives, 4 what to say of one that did not
--       (traceback, zlib and base64), 5 seconds that the worker's key lives, 6 the keeper, 7 milliseconds of the
--       scheduler's lease, 8 finished jobs to keep of each queue ('' for any number), 9 queues to
--       count, separated by commas, 10 what RQ calls its state, 11 n, n × (id, token, seconds) of the jobs that it
--       shows to RQ's tools, then the keeper's children
-- returns  the children whose lease is gone, ids of jobs taken back, ids handed over, queues of which there is more to
--          drop, open queues that have suspects, how many jobs wait and how many run in each queue to count, and: does this keeper lead 0|1,
--          how many entries and schedules are due, how many schedules there are, follow-ups owed for 10 s, jobs done,
--          jobs failed, the server's time, is there the worker's key 0|1, and how many tasks are waited for

-- @include iso
-- @include clock
-- @include spare
-- @include place
-- @include advance
-- @include fill_slots
-- @include free_slot
-- @include ask_slot
-- @include free
-- @include put_back
-- @include attempt
-- @include tally
-- @include unpark
-- @include erase
-- @include awaiting
-- @include keep_last
-- @include poison
-- @include recover
-- @include abandon
-- @include show
-- @include let_go
-- @include hand_over
-- @include promote
-- @include trim
local prefix, lease, limit, why = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local queues = redis.call('SMEMBERS', KEYS[3])
local last = tonumber(redis.call('GET', KEYS[2]) or now)
redis.call('SET', KEYS[2], string.format('%.6f', now), 'EX', 86400)
if now - last > lease / 2 then
  for _, child in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[1], 'XX', 'GT', now + lease, child)
  end
  for _, key in ipairs(queues) do
    local wip = prefix .. ':wip:' .. string.sub(key, #prefix + 8)
    local ok, found = spare(redis.call, 'ZRANGEBYSCORE', wip, '-inf', now + 90, 'LIMIT', 0, 1000)
    for _, execution in ipairs(ok and found or {}) do
      redis.call('ZADD', wip, 'XX', 'GT', now + 90, execution) -- as RQ's own workers write it
    end
  end
  for _, key in ipairs(redis.call('SMEMBERS', prefix .. ':workers')) do redis.call('EXPIRE', key, 90, 'GT') end
end

local gone = {}
for at = 12 + 3 * ARGV[11], #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[at]) then
    redis.call('ZADD', KEYS[1], 'XX', 'GT', now + lease, ARGV[at])
  else
    gone[#gone + 1] = ARGV[at]
  end
end

local recovered = {}
for _, key in ipairs(queues) do
  spare(abandon, prefix, string.sub(key, #prefix + 8), now, stamp, limit, why, recovered)
end
recover(prefix, KEYS[1], now, stamp, limit, why, recovered)

local moved, crowded, STEP = {}, {}, 200
for _, key in ipairs(queues) do
  local queue = string.sub(key, #prefix + 8)
  spare(promote, prefix, queue, 500, now, stamp, moved) -- a key of another type holds up no other queue
  local ok, dropped = spare(trim, prefix, queue, now, stamp, ARGV[8], STEP)
  if ok and dropped >= STEP then crowded[#crowded + 1] = queue end
end
for _, lane in ipairs(redis.call('ZRANGE', KEYS[4], 0, 499)) do
  redis.call('ZADD', KEYS[4], now, lane) -- looked at: the next sweep begins with others
  local ok, id = spare(advance, prefix, lane, now, stamp)
  if ok and id then moved[#moved + 1] = id end
end

local suspected, suspended = {}, redis.call('EXISTS', prefix .. ':suspended') == 1
for _, key in ipairs(suspended and {} or queues) do
  local queue = string.sub(key, #prefix + 8)
  if redis.call('EXISTS', prefix .. ':signalbox:suspects:' .. queue) == 1
    and redis.call('SISMEMBER', prefix .. ':signalbox:paused', queue) == 0 then
    suspected[#suspected + 1] = queue
  end
end

local is_known = redis.call('EXISTS', KEYS[5])
if is_known == 1 then
  show(prefix, KEYS[5], ARGV[10], stamp, ARGV[5], now, 12, ARGV[11])
end
local leader = redis.call('GET', KEYS[6])
if not leader or leader == ARGV[6] then
  redis.call('SET', KEYS[6], ARGV[6], 'PX', ARGV[7])
  leader = ARGV[6]
end
local counts = redis.call('HMGET', KEYS[5], 'successful_job_count', 'failed_job_count')
local depths = {}

local function size(command, key)
  local ok, found = spare(redis.call, command, key)
  return ok and found or 0
end

for queue in string.gmatch(ARGV[9], '[^,]+') do
  depths[#depths + 1] = size('LLEN', prefix .. ':queue:' .. queue) + size('LLEN', prefix .. ':signalbox:suspects:' .. queue)
  depths[#depths + 1] = size('ZCARD', prefix .. ':wip:' .. queue)
end
return { gone, recovered, moved, crowded, suspected, depths, {
  leader == ARGV[6] and 1 or 0, redis.call('ZCOUNT', KEYS[7], '-inf', now) + redis.call('ZCOUNT', KEYS[9], '-inf', now),
  redis.call('HLEN', KEYS[10]), redis.call('ZCOUNT', KEYS[8], '-inf', now - 10),
  tonumber(counts[1] or 0), tonumber(counts[2] or 0), string.format('%.6f', now), is_known,
  redis.call('ZCARD', prefix .. ':signalbox:unknown') } }
