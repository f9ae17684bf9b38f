#!lua flags=allow-oom
-- release: put jobs that a child holds back at the front of their queues, in the order in which it was given them; those
-- that have brought the child down, alone or not for the first time, at the back, so that they hold nobody up.
-- An execution that was interrupted while it ran is charged; one charged too often fails, because it may be what
-- kills its workers.
--
-- KEYS  1 the child's held jobs
-- ARGV  1 prefix, 2 child, 3 interruptions that a job survives, 4 do all go to the back 0|1: those of a child that died
--       soon after another did, since more of what kills may be among them; then for each, first given first:
--       id, token, blame (0 none, 1 charged, 2 shared: others ran too), how it was interrupted (traceback, zlib
--       and base64), '' when it had not started. One that is to blame alone or again is a suspect: it runs alone, so
--       that it harms nobody, and next time one knows.
-- returns  how many are back in their queues, how many have failed

-- @include iso
-- @include clock
-- @include advance
-- @include fill_slots
-- @include free_slot
-- @include free
-- @include put_back
-- @include attempt
-- @include tally
-- @include unpark
-- @include erase
-- @include awaiting
-- @include keep_last
-- @include poison
local prefix, child, limit, behind = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local back, failed, interrupted, seen = 0, 0, 0, {}
for at = #ARGV - 3, 5, -4 do
  local id, token, blame, why = unpack(ARGV, at, at + 3)
  local hash, queue = put_back(prefix, child, id, token, stamp)
  if hash then
    local before = redis.call('HMGET', hash, 'shared', 'interruptions')
    local again = blame == '1' or blame == '2' and (before[1] or before[2])
    if again then redis.call('HSET', hash, 'suspect', 1) end
    if blame == '2' then redis.call('HINCRBY', hash, 'shared', 1) end
    if blame == '1' and redis.call('HINCRBY', hash, 'interruptions', 1) > limit then
      poison(prefix, id, hash, now, stamp, why)
      failed = failed + 1
    else
      if why ~= '' then
        attempt(prefix, id, hash, now, why)
        interrupted = interrupted + 1
      end
      back = back + 1
      if again or behind == '1' then table.insert(seen, 1, { prefix .. ':queue:' .. queue, id }) end
    end
  end
end
for _, one in ipairs(seen) do
  redis.call('LREM', one[1], 1, one[2])
  redis.call('RPUSH', one[1], one[2])
end
if interrupted > 0 then redis.call('HINCRBY', prefix .. ':signalbox:meters', 'recovered', interrupted) end
return { back, failed }
