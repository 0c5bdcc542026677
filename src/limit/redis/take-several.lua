-- Judges one take by several rules, and charges all if all allow it: reads first, then writes or not.
-- KEYS  first    state of the first rule, and so on; the first again where there are fewer rules
-- KEYS  second
-- KEYS  third
-- KEYS  fourth
-- ARGV  rules    list     rule:string  'kind limit pace_us step flag', as rule.lua says
-- ARGV  cost     integer
-- ARGV  peek     integer  1: answer and change nothing
-- REPLY judged   answers:integers  remaining, reset_us, retry_us of each rule; the last is 0 for one
--                                  that allows, and -1 for never
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/funnel limit/sliding-log limit/bucket limit/counter limit/until limit/rule
local states, verdicts, is_allowed = { first, second, third, fourth }, {}, true
for place, text in ipairs(rules) do
  local verdict = judge(read_rule(text), states[place], cost)
  if not verdict then return { 'corrupt', place } end
  verdicts[place], is_allowed = verdict, is_allowed and verdict.fits
end
local answers = {}
for place, verdict in ipairs(verdicts) do
  local rule = read_rule(rules[place])
  if is_allowed and peek == 0 then charge(rule, states[place], verdict) end
  if not is_allowed and verdict.fits then verdict = judge(rule, states[place], 0) end
  local retry_us = verdict.fits and 0 or cost > rule[2] and -1 or verdict.retry_us
  local at = place * 3
  answers[at - 2], answers[at - 1], answers[at] = verdict.remaining, verdict.reset_us, retry_us
end
return { 'judged', answers }
