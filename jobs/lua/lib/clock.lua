-- The server's time: seconds as a number (now), and as RQ writes it (stamp).
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = iso(tonumber(time[1]), tonumber(time[2]))
