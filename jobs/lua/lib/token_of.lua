-- token_of(value): the token in the value of an instance lock; nil when there is none.
local function token_of(value)
  return value and string.match(value, '^{"token": (%d+),')
end
