#!lua flags=allow-oom
-- follow: let those go that depend on a job that has ended, where the others that they depend on allow it. RQ's own
-- functions do it in two transactions with a registry between, and where two jobs end at once, leave there what neither
-- got to queue. Who depends on many is looked at in steps.
--
-- KEYS  1 the set of ids that depend on it. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 the job, 3 how it ended: finished or failed, 4 where to go on, 0 to begin, 5 about how many to look
--       at
-- returns  where to go on, 0 when all were looked at

-- @include iso
-- @include clock
-- @include place
-- @include fill_slots
-- @include ask_slot
-- @include met
-- @include let_go
local prefix, ended, outcome = ARGV[1], ARGV[2], ARGV[3]

local function may_go(id)
  local status, may_fail = unpack(redis.call('HMGET', prefix .. ':job:' .. id, 'status', 'allow_dependency_failures'))
  return status == 'deferred' and (outcome == 'finished' or may_fail == '1') and met(prefix, id, may_fail, ended)
end

local cursor, found = unpack(redis.call('SSCAN', KEYS[1], ARGV[4], 'COUNT', ARGV[5]))
for _, id in ipairs(found) do
  if may_go(id) then
    redis.call('SREM', KEYS[1], id)
    let_go(prefix, id, now, stamp)
  end
end
return tonumber(cursor)
