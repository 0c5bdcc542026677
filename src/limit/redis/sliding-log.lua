-- A sliding log on one key, kept as log-set.lua or log-list.lua says: the arithmetic is the same.
-- BRINGS judge_log charge_log

-- Reads only: it counts what is in the window and leaves what is not. A unit from the future, left
-- by a clock that ran ahead, counts as one of now, and is written as such by the next charge. Nil for
-- what is kept otherwise, or was blocked, unless `how` is a part of a take, as parts.lua says.
local function judge_log(log, state, limit, per_us, cost, how)
  local found = log.read(state, now_us - per_us)
  if not found or found.mark and not how then return nil end
  if how then how.mark, how.mark_us = found.mark, found.mark_us end
  local count, newest_us = found.count, found.newest_us
  note_ahead(newest_us - now_us)
  local ahead = newest_us > now_us and log.after(state, found, now_us) or 0
  local is_penalty = how and how.is_penalty
  if is_penalty then cost = math.max(0, math.min(cost, 2 * limit - count)) end
  local fits, retry_us = is_penalty or cost <= 0 or count + cost <= limit, 0
  if not fits and cost <= limit then
    -- The newest `limit - cost` units may stay in the window; the one before them has to leave.
    retry_us = log.time(state, found, limit - cost + 1) + per_us - now_us
    -- A refusal writes nothing, so it could not pull the future back: one take fits instead.
    fits = retry_us > per_us
  end
  if fits and cost > 0 then
    local settled = count - ahead
    local most = is_penalty and 2 * limit or limit
    local units = cost + math.max(0, math.min(ahead, most - cost - settled))
    local remaining = math.max(0, limit - settled - units)
    return {
      log = log, fits = true, remaining = remaining, reset_us = per_us,
      units = units, ahead = ahead, settled = settled, gone = found.gone,
    }
  end
  -- What is given back was taken last.
  local back = math.min(count, math.max(0, -cost))
  if back > 0 then
    newest_us = log.time(state, found, back + 1) or 0
    count = count - back
  end
  return {
    log = log,
    fits = fits,
    units = -back,
    remaining = math.max(0, limit - count),
    retry_us = retry_us,
    reset_us = math.max(0, math.min(newest_us, now_us) + per_us - now_us),
  }
end

local function charge_log(state, per_us, verdict)
  local log, units = verdict.log, verdict.units
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  if units < 0 then log.drop(state, -units) end
  if units > 0 then
    if verdict.ahead > 0 then log.drop(state, verdict.ahead) end
    log.put(state, now_us, units)
    -- More than was added, so that what has left the window never piles up; bounded all the same.
    log.trim(state, now_us - per_us, verdict.gone, 2 * units + 100)
  end
  redis.call('PEXPIREAT', state, until_ms(verdict.reset_us))
  if units > 0 and not stays(state, verdict.reset_us) then
    verdict.ahead, verdict.gone = 0, 0
    charge_log(state, per_us, verdict)
  end
end
