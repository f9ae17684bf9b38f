#!lua flags=allow-oom
-- promote: hand over the scheduled jobs of a queue that are due, to the queue, to their lanes, or to wait for a slot.
--
-- KEYS  1 the queue's scheduled registry. All other keys start with the prefix, and so share its hash tag.
-- ARGV  1 prefix, 2 queue, 3 how many at most
-- returns  how many were handed over

-- @include iso
-- @include clock
-- @include place
-- @include fill_slots
-- @include ask_slot
-- @include let_go
-- @include unpark
-- @include hand_over
-- @include promote
local moved = {}
promote(ARGV[1], ARGV[2], ARGV[3], now, stamp, moved)
return #moved
