-- Takes by several rules like take-all, and answers the same when it is asked the same again.
-- KEYLIST states  of each rule; then a string 'until_us terms units answers', by the request's id
-- ARGV  asks     list     rule:string cost:integer
-- ARGV  terms    string   what is asked, to tell another request of the same id
-- ARGV  memory_us integer so long the answer is remembered, if it was charged
-- ARGV  owner    string   of leases
-- REPLY judged   units:integer answers:integers
-- REPLY other    another take had this id
-- REPLY corrupt  place:integer
-- COST  that of the rules
-- REPEAT safe    a take that ran is told from what is remembered
-- USE   clock limit/until limit/funnel-state limit/funnel limit/log-set limit/log-list limit/sliding-log limit/any-log limit/bucket limit/slices limit/counter limit/leases limit/rule limit/block limit/parts limit/charges
local memory = table.remove(states)
local told = redis.call('GET', memory)
if told then
  local until_text, said, units, rest = string.match(told, '^(%d+) (%S+) (%d+) (.*)$')
  if not rest then return { 'corrupt', #states + 1 } end
  if tonumber(until_text) > now_us then
    if said ~= terms then return { 'other' } end
    local answers = {}
    for number in string.gmatch(rest, '%S+') do answers[#answers + 1] = tonumber(number) end
    return { 'judged', tonumber(units), answers }
  end
end
local parts, wrong = read_parts(asks, states, 2)
if not parts then return { 'corrupt', wrong } end
local verdicts, is_allowed = judge_parts(parts)
if not verdicts then return { 'corrupt', is_allowed } end
local answers = answers_of(parts, verdicts, is_allowed)
if not is_allowed then return { 'judged', 0, answers } end
local numbers = {}
for index, number in ipairs(answers) do numbers[index] = string.format('%.0f', number) end
local text = string.format('%.0f %s %.0f ', now_us + memory_us, terms, parts[1].cost)
text = text .. table.concat(numbers, ' ')
repeat redis.call('SET', memory, text, 'PXAT', until_ms(memory_us)) until stays(memory, memory_us)
charge_parts(parts, verdicts, owner)
return { 'judged', parts[1].cost, answers }
