-- Judges one take by several rules, and charges all if all allow it: reads first, then writes or not.
-- KEYS  first    state of the first rule, and so on; the first again where there are fewer rules
-- KEYS  second
-- KEYS  third
-- KEYS  fourth
-- ARGV  rules    list     rule:string  'kind limit pace_us step flag', as rule.lua says
-- ARGV  cost     integer  below 0 it gives back
-- ARGV  least    integer  so many will do when fewer than the cost are left
-- ARGV  peek     integer  1: answer and change nothing
-- REPLY judged   units:integer answers:integers  the units that fit; then remaining, reset_us and
--                retry_us of each rule, of which the last is 0 for one that allows, -1 for never
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/funnel limit/sliding-log limit/bucket limit/slices limit/counter limit/until limit/rule
local states, units = { first, second, third, fourth }, cost
local verdicts, is_allowed = judge_all(rules, states, units)
if not verdicts then return { 'corrupt', is_allowed } end
if not is_allowed and least < cost then
  for _, verdict in ipairs(judge_all(rules, states, 0)) do units = math.min(units, verdict.remaining) end
  units = math.max(units, least)
  verdicts, is_allowed = judge_all(rules, states, units)
end
local answers = {}
for place, verdict in ipairs(verdicts) do
  local rule = read_rule(rules[place])
  if is_allowed and peek == 0 then charge(rule, states[place], verdict) end
  if not is_allowed and verdict.fits then verdict = judge(rule, states[place], 0) end
  local retry_us = verdict.fits and 0 or units > rule[2] and -1 or verdict.retry_us
  local at = place * 3
  answers[at - 2], answers[at - 1], answers[at] = verdict.remaining, verdict.reset_us, retry_us
end
return { 'judged', is_allowed and units or 0, answers }
