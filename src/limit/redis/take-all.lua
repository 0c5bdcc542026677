-- Judges one take by several rules, and charges all if all allow it: reads first, then writes or not.
-- KEYLIST states  of each rule
-- ARGV  asks     list     rule:string cost:integer  'kind limit pace_us step flag', as rule.lua says;
--                         a cost below 0 gives back
-- ARGV  least    integer  so many will do when fewer than the cost are left; 0 takes all or nothing
-- ARGV  way      string   take, peek, which changes nothing, or penalty, which nothing refuses
-- ARGV  owner    string   of leases
-- REPLY judged   units:integer answers:integers  of the first rule; and as parts.lua says
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/until limit/funnel-state limit/funnel limit/log-set limit/log-list limit/sliding-log limit/any-log limit/bucket limit/slices limit/counter limit/leases limit/rule limit/block limit/parts limit/charges
local parts, wrong = read_parts(asks, states, 2)
if not parts then return { 'corrupt', wrong } end
for _, part in ipairs(parts) do part.is_penalty = way == 'penalty' end
local verdicts, is_allowed = judge_parts(parts)
if not verdicts then return { 'corrupt', is_allowed } end
if not is_allowed and least > 0 then
  local units = parts[1].cost
  for _, part in ipairs(parts) do units = math.min(units, judge_part(part, 0).remaining) end
  for _, part in ipairs(parts) do part.cost = math.max(units, least) end
  verdicts, is_allowed = judge_parts(parts)
end
if not is_allowed and way == 'take' then
  for place, verdict in ipairs(verdicts) do
    local part = parts[place]
    local is_late = part.rule[1] == 'concurrency' and verdict.retry_us > part.rule[3]
    if is_late then
      shorten_leases(part.state)
      verdicts[place] = judge_part(part, part.cost)
    end
  end
end
local answers = answers_of(parts, verdicts, is_allowed)
if is_allowed and way ~= 'peek' then charge_parts(parts, verdicts, owner) end
return { 'judged', is_allowed and parts[1].cost or 0, answers }
