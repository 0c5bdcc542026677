-- Microseconds as 16 digits, so that texts compare like numbers.
-- BRINGS digits_of DIGITS

-- In two parts: whole numbers are written three times as fast, and in 32 bits on some servers.
local function digits_of(us)
  local micros = us % 1000000
  return string.format('%010d%06d', (us - micros) / 1000000, micros)
end

-- Of ids one behind the other only the last digit is another one: to write out each costs a tenth of what an add does.
local DIGITS = { [0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }
