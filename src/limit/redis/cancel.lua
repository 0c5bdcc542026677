-- Gives a reservation back, but for what others have reserved behind it: their times are told.
-- KEYLIST states  of each rule
-- ARGV  asks     list     rule:string cost:integer receipt:string
-- REPLY cancelled
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT unsafe  it would be given back twice
-- USE   clock limit/until limit/funnel-state limit/funnel limit/log-set limit/log-list limit/sliding-log limit/any-log limit/bucket limit/slices limit/counter limit/leases limit/rule limit/block limit/parts limit/charges limit/receipt
local parts, wrong = read_parts(asks, states, 3)
if not parts then return { 'corrupt', wrong } end
local verdicts = {}
for place, part in ipairs(parts) do
  local verdict = judge_part(part, 0)
  if not verdict then return { 'corrupt', place } end
  cancel_part(part.rule, verdict, asks[place * 3])
  if part.block then verdict.reset_us = math.max(verdict.reset_us, part.block.left_us) end
  verdicts[place] = verdict
end
charge_parts(parts, verdicts, '')
return { 'cancelled' }
