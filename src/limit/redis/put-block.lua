-- Refuses every take until so long from now; a block that lasts longer stays.
-- KEYLIST states  of each rule but those of leases
-- ARGV  asks     list     rule:string cost:integer  a cost of 0
-- ARGV  for_us   integer
-- REPLY blocked
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT safe    the block is as long, and begins later
-- USE   clock limit/until limit/funnel-state limit/funnel limit/log-set limit/log-list limit/sliding-log limit/any-log limit/bucket limit/slices limit/counter limit/leases limit/rule limit/block limit/parts limit/charges
local parts, wrong = read_parts(asks, states, 2)
if not parts then return { 'corrupt', wrong } end
local verdicts, is_allowed = judge_parts(parts)
if not verdicts then return { 'corrupt', is_allowed } end
local until_us = now_us + for_us
for place, part in ipairs(parts) do
  local state, block = part.state, part.block
  local reset_us = math.max(verdicts[place].reset_us, for_us)
  local is_longer = block and block.left_us >= for_us
  if not is_longer and keeps_text(part.rule) then
    local prefix = string.format('blocked %.0f %.0f ', until_us, for_us)
    local text = prefix .. (part.text or '')
    repeat redis.call('SET', state, text, 'PXAT', until_ms(reset_us)) until stays(state, reset_us)
  elseif not is_longer then
    local log = verdicts[place].log
    if part.mark then log.unmark(state, part.mark) end
    repeat
      log.mark(state, until_us, for_us)
      redis.call('PEXPIREAT', state, until_ms(reset_us))
    until stays(state, reset_us)
  end
end
return { 'blocked' }
