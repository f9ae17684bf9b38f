-- next_token(tokens, kind, now): the next token of a type, written down in the hash of the last ones. It is the server's
-- time (microseconds), or one more than the last: it grows although the server may have lost its latest writes.
local function next_token(tokens, kind, now)
  local token = string.format('%.0f', math.max(now, tonumber(redis.call('HGET', tokens, kind) or 0) + 1))
  redis.call('HSET', tokens, kind, token)
  return token
end
