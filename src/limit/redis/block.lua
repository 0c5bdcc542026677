-- A block in front of what a rule keeps as a string: 'blocked until_us for_us state'. Scripts for one
-- rule take that for something foreign, and are asked again with parts.lua, which knows it.
-- BRINGS block_of cut_block

-- Nil when it is over, or so far off that it is of a clock that ran ahead.
local function block_of(until_text, for_text)
  local until_us, for_us = tonumber(until_text), tonumber(for_text)
  local left_us = until_us - now_us
  if left_us <= 0 or left_us > 2 * for_us then return nil end
  local prefix = string.format('blocked %.0f %.0f ', until_us, for_us)
  return { left_us = left_us, until_us = until_us, for_us = for_us, prefix = prefix }
end

-- The state alone, false when there is none, and the block.
local function cut_block(text)
  local until_text, for_text, rest = string.match(text, '^blocked (%d+) (%d+) (.*)$')
  if not rest then return text, nil end
  return rest ~= '' and rest, block_of(until_text, for_text)
end
