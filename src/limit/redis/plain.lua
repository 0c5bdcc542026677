-- The answer of a rule to one take, as the scripts for one rule give it.
-- BRINGS plain_answer

-- 'remaining,reset_us,retry_us': as text it costs the server and the client less than a table.
local function plain_answer(cost, most, fits, remaining, reset_us, retry_us)
  if fits then retry_us = 0 elseif cost > most then retry_us = -1 end
  return string.format('%d,%d,%d', remaining, reset_us, retry_us)
end
