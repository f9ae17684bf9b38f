#!lua flags=allow-oom
-- lock: take a lock that nobody has. One taken in a job belongs to its execution: it is noted among what the child
-- holds, behind token:queue, so that whatever ends the execution frees it in the same step.
-- Asking again with the same owner, after a lost reply, gives the same fencing token. Fencing tokens are the server's
-- microseconds, or one more than the last: they grow although the server may have lost its latest writes.
--
-- KEYS  1 the lock, 2 the last fencing token, 3 the names of locks, 4 the child's held jobs (in a job)
-- ARGV  1 name, 2 owner, 3 milliseconds, 4 process, then, '' outside a job: 5 job id, 6 token of the execution
-- returns  the fencing token; or 0, job id, process, since (seconds since 1970) of who has the lock;
--          or -1 when the child does not hold that execution

-- @include list
local name, owner, id = ARGV[1], ARGV[2], ARGV[5]
local token, queue, locks
if id ~= '' then
  token, queue, locks = string.match(redis.call('HGET', KEYS[4], id) or '', '^(%d+):([^\n]*)\n?(.*)$')
  if token ~= ARGV[6] then return { -1 } end
end

local found = redis.call('HMGET', KEYS[1], 'owner', 'token', 'job', 'process', 'since')
if found[1] == owner then return { tonumber(found[2]) } end
if found[1] then return { 0, found[3], found[4], found[5] } end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local fence = math.max(now, tonumber(redis.call('GET', KEYS[2]) or 0) + 1)
redis.call('SET', KEYS[2], string.format('%.0f', fence))
redis.call('HSET', KEYS[1], 'owner', owner, 'token', string.format('%.0f', fence), 'job', id, 'process', ARGV[4],
  'since', string.format('%.6f', now / 1e6))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now / 1e6) -- those that nobody gave back
list(KEYS[3], name, now / 1e6, tonumber(ARGV[3]))
if id ~= '' then
  locks = locks ~= '' and cjson.decode(locks) or {}
  locks[name] = owner
  redis.call('HSET', KEYS[4], id, token .. ':' .. queue .. '\n' .. cjson.encode(locks))
end
return { fence }
