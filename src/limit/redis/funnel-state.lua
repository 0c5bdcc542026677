-- A funnel on one key: string. Mostly 19 digits, which the server keeps as a number: when it is empty, in
-- microseconds, and in the last three how much fits. Of a debt that this cannot say: 'debt_us at_us'.
-- BRINGS slack_of read_funnel form_of funnel_text

local function slack_of(full_us) return math.min(0.25, full_us * 2 ^ -44) end

-- 20 steps for each doubling.
local function size_of(full_us) return math.max(0, math.ceil(math.log(full_us) * 28.853900817779268)) end

-- The debt, and when it was that much. What is owed beyond what fitted is of a clock that ran ahead.
local function read_funnel(stored, full_us)
  if string.find(stored, '%D') then
    local debt, at = string.match(stored, '^(%S+) (%d+)$')
    return tonumber(debt), tonumber(at)
  end
  if #stored ~= 19 then return nil end
  local left_us = math.max(0, tonumber(string.sub(stored, 1, 16)) - now_us)
  if left_us <= full_us then return left_us, now_us end
  local size, most_us = tonumber(string.sub(stored, -3)), full_us
  if size > size_of(full_us) then most_us = math.ceil(2 ^ (size / 20)) end
  local debt_us = math.min(left_us, most_us)
  return debt_us, now_us + left_us - debt_us
end

local sized_us, form

-- How a number is written: with its size, which is the same for all of a call.
local function form_of(full_us)
  if sized_us ~= full_us then sized_us, form = full_us, '%d' .. string.format('%03d', size_of(full_us)) end
  return form
end

-- A fraction, and what is owed beyond what fits, is kept as it is; and all of it before 2006 and after
-- 2255, when the number may not have as many digits.
local function funnel_text(debt_us, full_us)
  local empty_us = now_us + debt_us
  if debt_us > full_us or debt_us % 1 ~= 0 or empty_us < 2 ^ 50 or empty_us > 2 ^ 53 then
    return string.format('%.17g %.0f', debt_us, now_us)
  end
  return string.format(form_of(full_us), empty_us)
end
