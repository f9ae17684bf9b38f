#!lua flags=allow-oom
-- release: put jobs that a child holds back at the front of their queues, in the order in which it was given them.
-- An execution that was interrupted while it ran is charged; one charged too often fails, because it may be what
-- kills its workers.
--
-- KEYS  1 the child's held jobs
-- ARGV  1 prefix, 2 child, 3 interruptions that a job survives, 4 are all of them suspects 0|1, then for each, first
--       given first: id, token, blame (0 none, 1 charged, 2 shared: others ran too), how it was interrupted (traceback,
--       zlib and base64), '' when it had not started. One that is to blame again is a suspect too (see claim): it runs
--       alone, and next time one knows.
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
local prefix, child, limit, all = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local back, failed, interrupted = 0, 0, 0
for at = #ARGV - 3, 5, -4 do
  local id, token, blame, why = unpack(ARGV, at, at + 3)
  local hash = put_back(prefix, child, id, token, stamp)
  if hash then
    local before = blame ~= '0' and redis.call('HMGET', hash, 'shared', 'interruptions')
    if all or before and (before[1] or before[2]) then
      redis.call('HSET', hash, 'suspect', blame == '0' and 'near' or 'blamed')
    end
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
    end
  end
end
if interrupted > 0 then redis.call('HINCRBY', prefix .. ':signalbox:meters', 'recovered', interrupted) end
return { back, failed }
