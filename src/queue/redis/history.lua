-- What is kept of the failed attempts of a job: a line for each, which is a letter for its kind, the attempt
-- in 3 digits, when it ended in 16, and the reason. In a body they stand in front of what its label says, an
-- empty line behind them, and the label is 4 higher. A note is how many lines are to be kept, in 2 digits,
-- then the letter and the reason of one more.
-- BRINGS one_more_attempt with_line split_past put_past noted

local function one_more_attempt(body)
  local attempt = math.min(tonumber(string.sub(body, 19, 21)) + 1, 999)
  return string.sub(body, 1, 18) .. string.format('%03d', attempt) .. string.sub(body, 22)
end

local function with_line(lines, note, attempt)
  lines = lines .. string.sub(note, 3, 3) .. string.format('%03d', math.min(attempt, 999)) .. now_text
    .. string.sub(note, 4) .. '\n'
  local _, count = string.gsub(lines, '\n', '')
  for _ = tonumber(string.sub(note, 1, 2)) + 1, count do
    lines = string.sub(lines, string.find(lines, '\n', 1, true) + 1)
  end
  return lines
end

-- The lines of a body, where they would begin, and what is behind them.
local function split_past(body)
  local flags = tonumber(string.sub(body, 18, 18), 16)
  local at = 29 + (flags % 4 >= 2 and 16 or 0) + (flags % 8 >= 4 and 11 or 0)
  local last = tonumber(string.sub(body, 26, 26)) >= 4 and string.find(body, '\n\n', at, true)
  if not last then return '', at, string.sub(body, at) end
  return string.sub(body, at, last), at, string.sub(body, last + 2)
end

-- A body without lines, with these.
local function put_past(body, lines)
  if lines == '' then return body end
  local _, at, rest = split_past(body)
  local label = tonumber(string.sub(body, 26, 26)) % 4 + 4
  return string.sub(body, 1, 25) .. label .. string.sub(body, 27, at - 1) .. lines .. '\n' .. rest
end

-- A body, with one line more, of the attempt that has ended.
local function noted(body, note)
  local lines, at, rest = split_past(body)
  local bare = string.sub(body, 1, 25) .. tonumber(string.sub(body, 26, 26)) % 4 .. string.sub(body, 27, at - 1) .. rest
  return put_past(bare, with_line(lines, note, tonumber(string.sub(body, 19, 21)) + 1))
end
