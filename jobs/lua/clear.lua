#!lua flags=allow-oom
-- clear: cancel what waits in a lane, the last first, and leave behind a head that has failed. What runs, or waits for
-- its next attempt, stays. A call looks at a part of it; once it has come to the head, the lane goes on.
--
-- KEYS  1 the lane, 2 the halted lanes
-- ARGV  1 prefix, 2 lane key, 3 how many entries at its tail to pass over, 4 how many to look at
-- returns  how many were looked at, how many of them are gone, how many jobs were canceled

-- @include iso
-- @include clock
-- @include advance
-- @include fill_slots
-- @include free_slot
-- @include unpark
-- @include cancel
local prefix, lane, passed, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ids = redis.call('LRANGE', KEYS[1], -passed - most, -passed - 1)
local gone, canceled = 0, 0
for at = #ids, 1, -1 do
  local id = ids[at]
  local status = redis.call('HGET', prefix .. ':job:' .. id, 'status')
  if status == 'failed' then
    gone = gone + redis.call('LREM', KEYS[1], -1, id)
  elseif (status == 'deferred' or status == 'queued') and cancel(prefix, id, now, stamp) then
    gone, canceled = gone + 1, canceled + 1
  end
end
if #ids < most then
  redis.call('ZREM', KEYS[2], lane)
  advance(prefix, lane, now, stamp)
end
return { #ids, gone, canceled }
