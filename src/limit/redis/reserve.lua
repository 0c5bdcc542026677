-- Charges a take that begins when all rules allow it, if that is soon enough: the next in line is
-- told a later time. Only funnels and buckets can be charged ahead.
-- KEYLIST states  of each rule
-- ARGV  asks     list     rule:string cost:integer
-- ARGV  longest_us integer the longest wait
-- REPLY reserved wait_us:integer receipts:strings answers:integers  a receipt for each rule, for cancel
-- REPLY refused  answers:integers
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT unsafe  a place that was reserved would be reserved twice
-- USE   clock limit/until limit/funnel-state limit/funnel limit/log-set limit/log-list limit/sliding-log limit/any-log limit/bucket limit/slices limit/counter limit/leases limit/rule limit/block limit/parts limit/charges limit/receipt
local parts, wrong = read_parts(asks, states, 2)
if not parts then return { 'corrupt', wrong } end
local verdicts, is_allowed = judge_parts(parts)
if not verdicts then return { 'corrupt', is_allowed } end
local wait_us = 0
for place, verdict in ipairs(verdicts) do
  local is_never = parts[place].cost > parts[place].rule[2]
  if not verdict.fits then wait_us = math.max(wait_us, is_never and 2 ^ 53 or verdict.retry_us) end
end
if wait_us > longest_us then return { 'refused', answers_of(parts, verdicts, false) } end
if wait_us > 0 then
  for _, part in ipairs(parts) do part.put_off_us = wait_us end
  verdicts = judge_parts(parts)
end
local receipts = {}
for place, verdict in ipairs(verdicts) do receipts[place] = receipt_of(verdict) end
charge_parts(parts, verdicts, '')
return { 'reserved', wait_us, receipts, answers_of(parts, verdicts, true) }
