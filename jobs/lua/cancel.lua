#!lua flags=allow-oom
-- cancel: take jobs out that wait: in a queue, a lane, for their time or for another job. Their lanes go on; whoever
-- depends on one of them goes on waiting, as with RQ's own cancel.
--
-- KEYS  none. All keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… ids
-- returns  for each 1 canceled, 0 it is not there, or does not wait

-- @include iso
-- @include clock
-- @include advance
-- @include fill_slots
-- @include free_slot
-- @include unpark
-- @include cancel
local prefix, canceled, lanes = ARGV[1], {}, {}
for at = 2, #ARGV do
  local done = cancel(prefix, ARGV[at], now, stamp)
  local lane = done and redis.call('HGET', prefix .. ':job:' .. ARGV[at], 'key')
  if lane and lane ~= '' then lanes[lane] = true end
  canceled[#canceled + 1] = done and 1 or 0
end
for lane in pairs(lanes) do advance(prefix, lane, now, stamp) end
return canceled
