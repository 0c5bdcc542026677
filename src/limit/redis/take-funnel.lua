-- Judges a take by a funnel, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as funnel-state.lua says
-- ONCE  capacity integer
-- ONCE  emission_us number  in which one unit leaks out
-- ARGV  cost integer
-- ARGV  times integer  so many equal ones, one after the other; 0: answer as one and change nothing
-- REPLY charged  state:numeral  what is kept of one that was allowed, in 19 digits
-- REPLY judged   remaining:integer reset_us:integer retry_us:integer  0 for one that allows, -1 for never
-- REPLY poured   debt_us:number elapsed_us:integer  how full it was before several, and since when
-- REPLY corrupt
-- PLAIN charged judged
-- TELLS now
-- COST  O(1)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/until limit/funnel-state limit/funnel limit/plain
local stored = redis.call('GET', state)
local full_us = capacity * emission_us
-- Nearly every take: a key that is there, in digits, where one unit more fits as it is. Said here once more in as few steps as
-- there are, as each function costs the server a twentieth of all the rest. What is odd about it is left to the lines below.
if stored and #stored == 19 and times == 1 and cost > 0 then
  local empty_us = tonumber(string.sub(stored, 1, 16))
  if empty_us and empty_us >= 2 ^ 50 and empty_us % 1 == 0 and now_us >= 2 ^ 50 then
    if empty_us < now_us then empty_us = now_us end
    empty_us = empty_us + cost * emission_us
    local debt_us = empty_us - now_us
    if debt_us <= full_us and debt_us % 1 == 0 and empty_us <= 2 ^ 53 then
      local text = string.format(form_of(full_us), empty_us)
      repeat redis.call('SET', state, text, 'PXAT', until_ms(debt_us))
      until debt_us >= least_us or stays(state, debt_us)
      return text
    end
  end
end
local fits, debt_us, retry_us, _, before_us, elapsed_us = weigh_funnel(stored, capacity, emission_us, cost)
if fits == nil then return { 'corrupt' } end
if fits and times > 1 then debt_us = pour_more(debt_us, capacity, emission_us, cost, times - 1) end
local remaining, reset_us = funnel_left(debt_us, full_us, emission_us)
if fits and times > 0 then
  if reset_us == 0 then redis.call('UNLINK', state)
  else
    local text = funnel_text(debt_us, full_us)
    repeat redis.call('SET', state, text, 'PXAT', until_ms(reset_us)) until stays(state, reset_us)
  end
end
if fits and times > 1 then return { 'poured', string.format('%.17g', before_us), elapsed_us } end
return plain_answer(cost, capacity, fits, remaining, reset_us, retry_us)
