#!lua flags=allow-oom
-- hasten: have scheduled jobs, and those that wait for their next attempt, go to their queues now, or to their lanes,
-- whose order is kept, or to wait for a slot.
--
-- KEYS  1 the set of queues. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… ids
-- returns  for each 1 done, 0 it is not there, or not scheduled

-- @include iso
-- @include clock
-- @include place
-- @include fill_slots
-- @include ask_slot
-- @include unpark
-- @include hand_over
local prefix, hastened = ARGV[1], {}
for at = 2, #ARGV do
  local id = ARGV[at]
  local status, queue = unpack(redis.call('HMGET', prefix .. ':job:' .. id, 'status', 'origin'))
  local scheduled = status == 'scheduled' and queue
  if scheduled then
    redis.call('SADD', KEYS[1], prefix .. ':queue:' .. queue)
    hand_over(prefix, id, queue, now, stamp)
  end
  hastened[#hastened + 1] = scheduled and 1 or 0
end
return hastened
