#!lua flags=allow-oom
-- claim: give a child the next jobs of its queues, first queue first. The guard: a job is given only when its
-- hash is there, its status is queued, no child holds it, and it heads its lane.
-- What was given is in the child's hash of held jobs, under a token that only grows, until it is settled.
--
-- KEYS  1 leases, 2 the child's held jobs, 3 the count of executions, 4 suspended, 5 paused queues, 6… queues
-- ARGV  1 prefix, 2 child, 3 worker name, 4 how many at most, 5… the names of the queues
-- returns  nil when the child has no lease; else for each job: id, token, queue, data, timeout, special 0|1
--          (special: callbacks, webhooks, a repeat, a group or a rate limit, which take the long way)

-- @include iso
-- @include clock
-- @include place
local prefix, child, worker, wanted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local lease = redis.call('ZSCORE', KEYS[1], child)
if not lease or tonumber(lease) <= now then return nil end
if redis.call('EXISTS', KEYS[4]) == 1 then return {} end

local FAR = 4102444800 -- 2100-01-01: RQ's own clean-up leaves the execution to us
local FIELDS = { 'status', 'data', 'timeout', 'key', 'held_by', 'ttl', 'success_callback_name',
  'failure_callback_name', 'stopped_callback_name', 'webhooks', 'repeats_left', 'group_id', 'rate_limit_key' }

local function is_held(id, holder)
  return holder and redis.call('HEXISTS', prefix .. ':signalbox:held:' .. holder, id) == 1
end

local function may_run(id, queue, status, lane, holder)
  if status ~= 'queued' or is_held(id, holder) then return false end
  if not lane or lane == '' then return true end
  if redis.call('LINDEX', prefix .. ':signalbox:lane:' .. lane, 0) == id then return true end
  -- Some tool pushed it past its lane. It waits there now, unless the lane is free: then its turn comes by place.
  place(prefix, id, queue, lane, now, stamp, false)
  return false
end

local given, count = {}, 0
for at = 6, #KEYS do
  local queue = ARGV[at - 1]
  local missing = wanted - count
  if missing > 0 and redis.call('SISMEMBER', KEYS[5], queue) == 0 then
    local ids = redis.call('LPOP', KEYS[at], missing)
    for _, id in ipairs(ids or {}) do
      local hash = prefix .. ':job:' .. id
      local job = redis.call('HMGET', hash, unpack(FIELDS))
      if may_run(id, queue, job[1], job[4], job[5]) then
        local token = tostring(redis.call('INCR', KEYS[3]))
        redis.call('HSET', hash, 'status', 'started', 'started_at', stamp, 'last_heartbeat', stamp,
          'worker_name', worker, 'held_by', child)
        if job[6] and job[6] ~= '' then redis.call('PERSIST', hash) end
        redis.call('ZADD', prefix .. ':wip:' .. queue, FAR, id .. ':' .. token)
        redis.call('HSET', KEYS[2], id, token)
        local special = 0
        for field = 7, #FIELDS do
          if job[field] and job[field] ~= '' then special = 1 end
        end
        local n = #given
        given[n + 1], given[n + 2], given[n + 3] = id, token, queue
        given[n + 4], given[n + 5], given[n + 6] = job[2] or '', job[3] or '', special
        count = count + 1
      end
    end
  end
end
return given
