#!lua flags=allow-oom
-- recall: have jobs that wait for a worker that knows their task go to their queues, or to their lanes, because one that
-- serves these knows it. What is noted of jobs that wait so no more is dropped.
--
-- KEYS  1 the tasks that are waited for, 2 the names of the tasks that the worker knows, 3 the set of queues. All other
--       keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 how many jobs of a task at most, 3 a time: what has waited since before goes all the same, 0 for
--       nothing, 4… the queues that the worker serves
-- returns  the ids of those that go

-- @include iso
-- @include clock
-- @include place
-- @include fill_slots
-- @include ask_slot
-- @include unpark
-- @include hand_over
local prefix, most, before = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local TASKS, LOOKED_AT = 100, 10
local serves, moved = {}, {}
for at = 4, #ARGV do serves[ARGV[at]] = true end

for _, task in ipairs(redis.call('ZRANGE', KEYS[1], 0, TASKS - 1)) do
  local waiting, known = KEYS[1] .. ':' .. task, redis.call('SISMEMBER', KEYS[2], task) == 1
  local entries = redis.call('ZRANGE', waiting, 0, ((known or before > 0) and most or LOOKED_AT) - 1, 'WITHSCORES')
  for at = 1, #entries, 2 do
    local id = entries[at]
    local status, queue, unknown = unpack(redis.call('HMGET', prefix .. ':job:' .. id, 'status', 'origin', 'unknown'))
    if status ~= 'scheduled' or unknown ~= task then
      redis.call('ZREM', waiting, id)
    elseif serves[queue] and (known or tonumber(entries[at + 1]) < before) then
      redis.call('SADD', KEYS[3], prefix .. ':queue:' .. queue)
      hand_over(prefix, id, queue, now, stamp)
      moved[#moved + 1] = id
    end
  end
  if redis.call('EXISTS', waiting) == 0 then redis.call('ZREM', KEYS[1], task) end
end
return moved
