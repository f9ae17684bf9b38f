#!lua flags=allow-oom
-- recover: take back, now, what children hold whose lease has run out. Keepers do it once a second.
--
-- KEYS  1 leases
-- ARGV  1 prefix, 2 lost leases that a job survives, 3 what to say of one that did not (traceback, zlib and base64)
-- returns  ids of the jobs taken back, of those too that have failed

-- @include iso
-- @include clock
-- @include spare
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
-- @include recover
local recovered = {}
recover(ARGV[1], KEYS[1], now, stamp, tonumber(ARGV[2]), ARGV[3], recovered)
return recovered
