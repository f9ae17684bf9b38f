#!lua flags=allow-oom
-- release: put jobs that a child holds back at the front of their queues, in the order in which it was given them.
-- An execution that was interrupted while it ran is charged; one charged too often fails, because it may be what
-- kills its workers.
--
-- KEYS  1 the child's held jobs
-- ARGV  1 prefix, 2 child, 3 interruptions that a job survives, then for each, first given first:
--       id, token, charged 0|1, how it was interrupted (traceback, zlib and base64)
-- returns  how many are back in their queues, how many have failed

-- @include iso
-- @include clock
-- @include advance
-- @include put_back
-- @include poison
local prefix, child, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local back, failed = 0, 0
for at = #ARGV - 3, 4, -4 do
  local id, token, charged, why = unpack(ARGV, at, at + 3)
  local hash = put_back(prefix, child, id, token, stamp)
  if hash then
    if charged == '1' and redis.call('HINCRBY', hash, 'interruptions', 1) > limit then
      poison(prefix, id, hash, now, stamp, why)
      failed = failed + 1
    else
      back = back + 1
    end
  end
end
return { back, failed }
