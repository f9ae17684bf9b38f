#!lua
-- write: writes nothing, but may, so the server refuses it, and says why, where it refuses writes.
--
-- KEYS  none
-- ARGV  none
-- returns  1

return 1
