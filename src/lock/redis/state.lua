-- The state of a lock: one string of fixed columns, so that to read it is to cut it up.
--   1      H held, F free, W withdrawn, X taken away by force
--   2      how many times in a row a release passed over the head of the line, as a hex digit
--   4-19   busy_us: until then somebody may wait, or a withdrawn owner may still call
--   21-36  fence      38-53  since_us      55-70  expires_us
--   72-    owner, who released it before that owner (or -), and metadata; of X the reason instead
-- Of a free lock the owner is who released it. Whether a lease is over is said by expires_us; the
-- key's TTL only collects garbage, and keeps the fence for a day after the last use.
-- BRINGS FENCE_IDLE_MS NOTHING now_text until_text lock_read is_held is_owner releaser_of holder_of

local FENCE_IDLE_MS = 86400000
local NOTHING = '0000000000000000'
local now_text = string.format('%016.0f', now_us)
local until_texts = {}

local function until_text(lease_us)
  local text = until_texts[lease_us]
  if not text then
    text = string.format('%016.0f', now_us + lease_us)
    until_texts[lease_us] = text
  end
  return text
end

local function lock_read(lock)
  local state = redis.call('GET', lock)
  -- The spaces between the columns are told apart from anything else that is a string.
  if state and (#state < 74 or string.byte(state, 3) ~= 32 or string.byte(state, 71) ~= 32) then
    error({ err = 'WRONGTYPE not the state of a lock' })
  end
  return state
end

local function is_held(state)
  return string.byte(state) == 72 and string.sub(state, 55, 70) > now_text
end

local function is_owner(state, owner)
  return string.byte(state, 72 + #owner) == 32 and string.find(state, owner, 72, true) == 72
end

local function releaser_of(state)
  if not state then return '-' end
  local owner, releaser = string.match(state, '^(%S+) (%S+)', 72)
  return string.byte(state) == 70 and owner or releaser
end

-- Who holds it, since when and for how long from now on; '' when nobody does.
local function holder_of(state)
  if not state or not is_held(state) then return '', 0, 0 end
  local owner = string.match(state, '^%S+', 72)
  return owner, tonumber(string.sub(state, 38, 53)), tonumber(string.sub(state, 55, 70)) - now_us
end
