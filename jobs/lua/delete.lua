#!lua flags=allow-oom
-- delete: remove jobs that are over, with all that is kept of them; a lane that one of them halted goes on. One that did
-- not end well stays while others wait for it: they could wait for ever.
--
-- KEYS  none. All keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… ids
-- returns  for each 1 deleted, 0 there is no such job that is over, -1 what follows its end is still to be done, or
--          others wait for it

-- @include iso
-- @include clock
-- @include advance
-- @include awaiting
-- @include unpark
-- @include erase
local prefix, deleted = ARGV[1], {}
for at = 2, #ARGV do
  local id = ARGV[at]
  local status = redis.call('HGET', prefix .. ':job:' .. id, 'status')
  local stays = ENDED[status] and #awaiting(prefix, id, status, 1) > 0
  local erased = not stays and erase(prefix, id, now, stamp)
  deleted[#deleted + 1] = erased and 1 or (stays or erased == nil) and -1 or 0
end
return deleted
