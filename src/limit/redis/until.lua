-- When a key may go, and that it does not go before.
-- BRINGS until_ms least_us stays note_ahead

local server_us
-- So far back the clock may have stepped since the script began, and the shortest time from now that
-- a key was seen to outlive.
local ahead_us, least_us = 0, math.huge

-- Not a TTL: the server counts that from the start of the script, in whole milliseconds, so the
-- state could go before its time. With an injected clock this is still the server's time.
local function until_ms(reset_us)
  if said_now == '' then server_us = now_us
  elseif not server_us then
    local time = redis.call('TIME')
    server_us = time[1] * 1000000 + time[2]
  end
  local ms = (server_us + ahead_us + reset_us) / 1000
  local rest = ms % 1
  return string.format('%d', rest > 0 and ms - rest + 1 or ms)
end

-- Whether a key is there that was written just now; if not, it is to be written again. To the server
-- a script runs at the time at which it began: when the clock steps back before the script asks what
-- time it is, all that it writes has expired already, and with it what was taken.
local function stays(state, reset_us)
  if reset_us >= least_us then return true end
  if redis.call('EXISTS', state) == 0 then
    ahead_us = 2 * ahead_us + 1000
    return false
  end
  least_us = reset_us
  return true
end

-- A set that was there cannot be written again: what is in it says how long it has to stay.
local function note_ahead(us) ahead_us = math.max(ahead_us, us) end
