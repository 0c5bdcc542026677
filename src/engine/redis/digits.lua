-- Microseconds as 16 digits, so that texts compare like numbers.
-- BRINGS digits_of

-- In two parts: whole numbers are written three times as fast, and in 32 bits on some servers.
local function digits_of(us)
  local micros = us % 1000000
  return string.format('%010d%06d', (us - micros) / 1000000, micros)
end
