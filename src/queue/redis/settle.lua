-- How deliveries end: nil or false if the job was not in flight for this epoch.
-- The in-flight hash is id -> body, and `suspect` -> the id of the one suspect it may hold.
-- BRINGS body_id take_back bury settle

-- Dead letters beyond this many push the oldest out.
local MOST_DEAD = 10000

local function body_id(body) return string.sub(body, 1, 16) end

-- A ticket that is dead becomes a job of its own: its record may go. In front of the payload is its label.
local function with_payload(body, payload)
  if payload == '' then return body end
  return string.sub(body, 1, 17) .. '0' .. string.sub(body, 19, 25) .. string.sub(payload, 1, 1)
    .. string.sub(body, 27, 28) .. string.sub(payload, 2)
end

-- Out of flight, and back to the caller.
local function take_back(inflight, id)
  local body = redis.call('HGET', inflight, id)
  if not body or #body < 28 then return nil end
  redis.call('HDEL', inflight, id)
  return body
end

local function bury(dead, body, reason)
  redis.call('RPUSH', dead, string.format('%016.0f%04d', now_us, #reason) .. reason .. body)
  redis.call('LTRIM', dead, -MOST_DEAD, -1)
end

-- What was said of deliveries. The jobs that come back are in the order in which they are to be
-- given back: the last one first. Of the quiet ones is told elsewhere what became of them. A handler that ended has at least survived: its job is no suspect.
local function settle(inflight, dead, suspect, acks, retries, deaths, told, quiet)
  local said = { stale = {}, timed = {}, ready = {}, suspects = {}, soonest_us = math.huge, suspect = suspect }
  local function ended(id, found)
    if not found then said.stale[#said.stale + 1] = id elseif id == suspect then said.suspect = false end
  end
  for at = 1, #acks, 16 do
    local id = string.sub(acks, at, at + 15)
    ended(id, redis.call('HDEL', inflight, id) == 1)
  end
  if #retries > 0 then
    -- RARELY: some have failed, or are given back
    for i = #retries - 2, 1, -3 do
      local id, delay_us, failed = retries[i], tonumber(retries[i + 1]), retries[i + 2]
      local body = take_back(inflight, id)
      ended(id, body)
      if body and failed ~= '0' then
        if failed ~= '1' then body = noted(body, failed) end
        if told and not string.find(quiet, id, 1, true) then
          note_event(told, 'R', string.format('%03d', math.min(tonumber(string.sub(body, 19, 21)) + 1, 999)) .. id)
        end
        body = one_more_attempt(body)
        if delay_us < 0 then
          redis.call('HSET', inflight, id, body)
        else
          said.timed[#said.timed + 1] = now_us + delay_us
          said.timed[#said.timed + 1] = body
          said.soonest_us = math.min(said.soonest_us, delay_us)
        end
      elseif body and delay_us > 0 then
        said.timed[#said.timed + 1] = now_us + delay_us
        said.timed[#said.timed + 1] = body
        said.soonest_us = math.min(said.soonest_us, delay_us)
      elseif body then
        -- Handed back is not survived: it stays a suspect.
        table.insert(id == suspect and said.suspects or said.ready, body)
      end
    end
  end
  if #deaths > 0 then
    -- RARELY: some are dead
    for i = 1, #deaths, 4 do
      local body, note = take_back(inflight, deaths[i]), deaths[i + 3]
      ended(deaths[i], body)
      if body then
        body = with_payload(body, deaths[i + 2])
        if told and not string.find(quiet, deaths[i], 1, true) then note_death(told, 'X', deaths[i], deaths[i + 1]) end
        bury(dead, one_more_attempt(note == '' and body or noted(body, note)), deaths[i + 1])
      end
    end
  end
  if told then note_done(told, acks, said.stale, quiet) end -- RARELY
  if suspect and not said.suspect then redis.call('HDEL', inflight, 'suspect') end
  return said
end
