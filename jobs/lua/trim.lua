#!lua flags=allow-oom
-- trim: drop from the registries of a queue what has expired, and of its finished jobs all but the last so many.
-- Keepers do it with every tick.
--
-- KEYS  none. All keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 queue, 3 finished jobs to keep ('' for any number), 4 how many to look at in each registry
-- returns  how many were dropped

-- @include iso
-- @include clock
-- @include advance
-- @include unpark
-- @include erase
-- @include trim
return trim(ARGV[1], ARGV[2], now, stamp, ARGV[3], tonumber(ARGV[4]))
