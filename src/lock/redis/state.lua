-- The state of a lock: one string of fixed columns, so that to read it is to cut it up.
--   1      N held, and nothing else is worth remembering, H held, F free, W withdrawn, X taken away
--          by force
--   2      how many times in a row a release passed over the head of the line, as a hex digit
--   4-19   busy_us: until then somebody may wait, or one who lost it may still call
--   21-36  fence      38-53  since_us      55-70  expires_us
--   72-    owner, who released it before that owner (or -), and metadata; of X the reason instead
-- Of a free lock the owner is who released it. The number after a fence is reserved: it is given to
-- whom the owner's process hands the lock to by itself. Whether a lease is over is said by expires_us,
-- and by the key of N, which goes with the lease. The others are kept for a day after the last use:
-- with them goes the memory of their fences, that of N is in the key of fresh.lua.
-- Who takes a free lock the short way leaves it to the key when the lease is over: then expires_us is
-- 9999999999999999, since_us is how long the lease is, and what is read has both, to the millisecond.
-- BRINGS FENCE_IDLE_MS NOTHING until_text keep_ms lock_read is_held is_owner releaser_of holder_of

local FENCE_IDLE_MS = 86400000
local NOTHING = '0000000000000000'

local until_lease, until_last
local function until_text(lease_us)
  if lease_us ~= until_lease then
    until_lease, until_last = lease_us, digits_of(now_us + lease_us)
  end
  return until_last
end

-- What the key of a lease lives. Where tests have a clock of their own, the server's must not end it.
local function keep_ms(lease_us, is_fresh)
  local lease_ms = (lease_us + 999) / 1000
  if is_fresh and said_now == '' then return string.format('%d', lease_ms) end
  return string.format('%d', lease_ms + FENCE_IDLE_MS)
end

local function lock_read(lock)
  local state = redis.call('GET', lock)
  -- The spaces between the columns are told apart from anything else that is a string.
  if state and (#state < 74 or string.byte(state, 3) ~= 32 or string.byte(state, 71) ~= 32) then
    error({ err = 'WRONGTYPE not the state of a lock' })
  end
  if state and string.sub(state, 55, 70) == '9999999999999999' then
    local until_us = math.floor(now_us / 1000) * 1000 + math.max(0, redis.call('PTTL', lock)) * 1000
    local since = digits_of(until_us - tonumber(string.sub(state, 38, 53)))
    return string.sub(state, 1, 37) .. since .. ' ' .. digits_of(until_us) .. string.sub(state, 71)
  end
  return state
end

local function is_held(state)
  local letter = string.byte(state)
  return (letter == 72 or letter == 78) and string.sub(state, 55, 70) > now_text
end

local function is_owner(state, owner)
  return string.byte(state, 72 + #owner) == 32 and string.find(state, owner, 72, true) == 72
end

local function releaser_of(state)
  local owner, releaser = string.match(state, '^(%S+) (%S+)', 72)
  return string.byte(state) == 70 and owner or releaser
end

-- Who holds it, since when and for how long from now on; '' when nobody does.
local function holder_of(state)
  if not state or not is_held(state) then return '', 0, 0 end
  local owner = string.match(state, '^%S+', 72)
  return owner, tonumber(string.sub(state, 38, 53)), tonumber(string.sub(state, 55, 70)) - now_us
end
