-- Writes what several rules of one take allow.
-- BRINGS charge_part charge_parts

-- A mark of a log is put aside meanwhile: what is given back, or leaves, goes by its rank.
local function charge_part(part, verdict, owner)
  local state, mark = part.state, part.mark
  if mark then verdict.log.unmark(state, mark) end
  charge(part.rule, state, verdict, owner)
  if not mark or not part.block then return end
  verdict.log.mark(state, part.block.until_us, part.block.for_us)
  redis.call('PEXPIREAT', state, until_ms(verdict.reset_us))
end

local function charge_parts(parts, verdicts, owner)
  for place, verdict in ipairs(verdicts) do charge_part(parts[place], verdict, owner) end
end
