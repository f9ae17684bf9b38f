#!lua flags=allow-oom
-- unlock: give back a lock, if it is ours.
--
-- KEYS  1 the lock, 2 the names of locks, 3 the child's held jobs (in a job)
-- ARGV  1 name, 2 owner, then, '' outside a job: 3 job id, 4 token of the execution
-- returns  1 given back, 0 nobody has it, -1 somebody else has it, or the child does not hold that execution

local name, owner, id = ARGV[1], ARGV[2], ARGV[3]
if id ~= '' then
  local token, queue, locks = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%d+):([^\n]*)\n?(.*)$')
  if token ~= ARGV[4] then return -1 end
  locks = locks ~= '' and cjson.decode(locks) or {}
  if locks[name] == owner then
    locks[name] = nil
    redis.call('HSET', KEYS[3], id, token .. ':' .. queue .. (next(locks) and '\n' .. cjson.encode(locks) or ''))
  end
end
local found = redis.call('HGET', KEYS[1], 'owner')
if found and found ~= owner then return -1 end
redis.call('ZREM', KEYS[2], name)
return redis.call('DEL', KEYS[1])
