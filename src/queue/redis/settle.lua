-- How deliveries end: nil or false if the job was not in flight for this epoch.
-- The in-flight hash is id -> body, and `suspect` -> the id of the one suspect it may hold.
-- BRINGS body_id one_more_attempt take_back bury acknowledge

-- Dead letters beyond this many push the oldest out.
local MOST_DEAD = 10000

local function body_id(body) return string.sub(body, 11, 26) end

local function one_more_attempt(body)
  local attempt = math.min(tonumber(string.sub(body, 3, 5)) + 1, 999)
  return string.sub(body, 1, 2) .. string.format('%03d', attempt) .. string.sub(body, 6)
end

local function acknowledge(inflight, id)
  if redis.call('HDEL', inflight, id) == 0 then return false end
  local was_suspect = redis.call('HGET', inflight, 'suspect') == id
  if was_suspect then redis.call('HDEL', inflight, 'suspect') end
  return true, was_suspect
end

-- Out of flight, and back to the caller: the body, and whether it was the suspect.
local function take_back(inflight, id)
  local body = redis.call('HGET', inflight, id)
  if not body then return nil end
  local _, was_suspect = acknowledge(inflight, id)
  return body, was_suspect
end

local function bury(dead, body, reason)
  redis.call('RPUSH', dead, string.format('%016.0f%04d', now_us, #reason) .. reason .. body)
  redis.call('LTRIM', dead, -MOST_DEAD, -1)
end
