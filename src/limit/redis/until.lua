-- When a key may go.
-- BRINGS until_ms

local server_us

-- Not a TTL: the server counts that from the start of the script, in whole milliseconds, so the
-- state could go before its time. With an injected clock this is still the server's time.
local function until_ms(reset_us)
  if not server_us then
    local time = redis.call('TIME')
    server_us = time[1] * 1000000 + time[2]
  end
  return math.ceil((server_us + reset_us) / 1000)
end
