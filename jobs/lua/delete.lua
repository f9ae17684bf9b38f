#!lua flags=allow-oom
-- delete: remove jobs that are over, with all that is kept of them; a lane that one of them halted goes on.
--
-- KEYS  none. All keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2… ids
-- returns  for each 1 deleted, 0 there is no such job that is over, -1 what follows its end is still to be done

-- @include iso
-- @include clock
-- @include advance
-- @include erase
local deleted = {}
for at = 2, #ARGV do
  local erased = erase(ARGV[1], ARGV[at], now, stamp)
  deleted[#deleted + 1] = erased and 1 or erased == nil and -1 or 0
end
return deleted
