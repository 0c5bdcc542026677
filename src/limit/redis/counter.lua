-- A sliding counter on one key: string 'at_us count count …', the newest slice first. The same
-- arithmetic as ../counter.ts, where the reasons are; both engines must give the same answers.
-- BRINGS judge_counter charge_counter

-- Its counts as they are now, by age in slices; when the newest began; the sum but for the oldest.
-- Nil when the key holds something else.
local function read_counter(state, slices, slice_us, how)
  local at_us, stored = now_us, {}
  local text = how and how.text
  if not how then text = redis.call('GET', state) end
  if text then
    local at, list = string.match(text, '^(%d+)([ %d]+)$')
    at_us = tonumber(at)
    if not (at_us and at_us < 2 ^ 53) then return nil end
    for count in string.gmatch(list, '%d+') do stored[#stored + 1] = tonumber(count) end
    for place = #stored, slices + 2, -1 do stored[place - 1] = stored[place - 1] + stored[place] end
  end
  local shift = math.max(0, math.floor((now_us - at_us) / slice_us))
  local counts, whole = {}, 0
  for age = 0, slices do
    counts[age] = age >= shift and stored[age - shift + 1] or 0
    if age < slices then whole = whole + counts[age] end
  end
  if not (whole + counts[slices] < 2 ^ 53) then return nil end
  if whole + counts[slices] == 0 then return counts, now_us, 0 end
  return counts, at_us + shift * slice_us, whole
end

-- Reads only. Nil when the key holds something else. `how` is a part of a take, as parts.lua says.
local function judge_counter(state, limit, slice_us, slices, is_strict, cost, how)
  local counts, at_us, whole = read_counter(state, slices, slice_us, how)
  if not counts then return nil end
  local elapsed_us = math.max(0, now_us - at_us)
  local used = whole + share_of(counts[slices], slice_us - elapsed_us, slice_us, is_strict)
  local is_penalty = how and how.is_penalty
  if is_penalty then cost = math.max(0, math.min(cost, 2 * limit - whole - counts[slices])) end
  local fits, retry_us = is_penalty or cost <= 0 or used + cost <= limit, 0
  if fits then
    whole = charge_counts(counts, slices, cost)
    used = whole + share_of(counts[slices], slice_us - elapsed_us, slice_us, is_strict)
  elseif cost <= limit then
    local wait_us = until_room(counts, whole, limit - cost, slices, slice_us, is_strict)
    retry_us = wait_us + at_us - now_us
    -- Longer than anything is counted: the state is from a clock that ran ahead.
    fits = retry_us > (slices + 1) * slice_us
    if fits then counts, used, at_us, elapsed_us = { [0] = limit }, limit, now_us, 0 end
  end
  local inside_us = 0
  for age = slices, 0, -1 do
    if (counts[age] or 0) > 0 then inside_us = (slices + 1 - age) * slice_us end
  end
  return {
    fits = fits,
    remaining = math.max(0, limit - used),
    retry_us = retry_us,
    reset_us = math.max(0, inside_us - elapsed_us),
    counts = counts,
    at_us = at_us,
  }
end

local function charge_counter(state, verdict)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  local parts, counts = { string.format('%.0f', verdict.at_us) }, verdict.counts
  for age = 0, #counts do parts[age + 2] = string.format('%.0f', counts[age]) end
  local text = (verdict.prefix or '') .. table.concat(parts, ' ')
  repeat redis.call('SET', state, text, 'PXAT', until_ms(verdict.reset_us))
  until stays(state, verdict.reset_us)
end
