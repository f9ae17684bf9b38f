#!lua flags=allow-oom
-- empty: remove jobs that wait in a queue, with all that is kept of them; their lanes go on. A call looks at a part of
-- it. What was put in later than a time stays, so that a lane's next job, which goes to the end, is not removed too;
-- so do heartbeats, and what a child holds. One that others wait for is canceled only, so that they can be told, and it
-- can be run anew.
--
-- KEYS  1 the queue, or the list of its suspects. All other keys share its prefix and hash tag.
-- ARGV  1 prefix, 2 what ids of heartbeats begin with, 3 the time, as RQ writes it; '' for now, 4 how many entries to
--       pass over, 5 how many to look at
-- returns  how many were looked at, how many of them were removed, the time

-- @include iso
-- @include clock
-- @include advance
-- @include fill_slots
-- @include free_slot
-- @include unpark
-- @include cancel
-- @include awaiting
-- @include erase
local prefix, beats, before = ARGV[1], ARGV[2], ARGV[3] ~= '' and ARGV[3] or stamp

local function is_held(id, holder)
  return holder and redis.call('HEXISTS', prefix .. ':signalbox:held:' .. holder, id) == 1
end

local ids = redis.call('LRANGE', KEYS[1], ARGV[4], ARGV[4] + ARGV[5] - 1)
local removed = 0
for _, id in ipairs(ids) do
  local hash = prefix .. ':job:' .. id
  local status, since, holder, limit, lane =
    unpack(redis.call('HMGET', hash, 'status', 'enqueued_at', 'held_by', 'rate_limit_key', 'key'))
  local is_beat = string.sub(id, 1, #beats) == beats
  if status == 'queued' and (since or '') < before and not is_beat and not is_held(id, holder) then
    redis.call('LREM', KEYS[1], 1, id)
    if #awaiting(prefix, id, status, 1) > 0 then
      cancel(prefix, id, now, stamp)
      if lane and lane ~= '' then advance(prefix, lane, now, stamp) end
    else
      redis.call('HSET', hash, 'status', 'canceled')
      erase(prefix, id, now, stamp)
      if limit and limit ~= '' then free_slot(prefix, id, limit, now, stamp) end
    end
    removed = removed + 1
  end
end
return { #ids, removed, before }
