-- Opens tickets that were claimed: says of each what is to be done, and notes that its job runs.
-- KEYLIST records  of each ticket
-- ARGV fence    integer  of the claim
-- ARGV crash_note  string  as history.lua says; empty where nothing of crashes is kept
-- ARGV tickets  list  number:string attempt:integer crashes:integer
-- REPLY opened  openings:strings
-- An opening is a letter and what belongs to it: R payload, run it; D, drop it; L us, later; C, it was
-- cancelled while it ran; O, its deadline passed, and the payload; B, bury it: 4 digits for the length of the reason, reason, payload.
-- Of a job with a history the letter is a small one, and its lines stand in front of the payload, with an empty one behind them.
-- COST  O(tickets), at most 100
-- REPEAT safe  for the same fence the answer is the same
-- USE   clock facts queue/history queue/record
local reads = {}
for i, record in ipairs(records) do
  reads[i] = read_record(record)
end

local function with_payload(letter, record, text)
  local values = redis.call('HMGET', record, 'payload', 'history')
  if not values[2] then return letter .. text .. values[1] end
  return string.lower(letter) .. text .. values[2] .. '\n' .. values[1]
end

-- Its worker crashed more often than is told of.
local function note_crash(record, attempt, crashes)
  local values = redis.call('HMGET', record, 'crashes', 'history')
  if crashes == tonumber(values[1] or 0) then return end
  redis.call('HSET', record, 'crashes', crashes)
  if crashes < tonumber(values[1] or 0) then return end
  redis.call('HSET', record, 'history', with_line(values[2] or '', crash_note, attempt + 1))
end

local function opening(record, read, attempt, crashes)
  if read.state == 'waiting' then
    if read.due_us > now_us then return 'L' .. string.format('%.0f', read.due_us - now_us) end
  elseif read.state == 'dead' then
    local reason = redis.call('HGET', record, 'reason') or ''
    return with_payload('B', record, string.format('%04d', #reason) .. reason)
  elseif not lives(read) or read.fence > fence then
    return 'D'
  end
  -- Without need of memory, for a full server.
  redis.call('HDEL', record, 'gate')
  local is_cancelling = read.state == 'cancelling'
  redis.call('HSET', record, 'state', is_cancelling and 'cancelling' or 'running',
    'fence', string.format('%.0f', fence), 'attempt', attempt)
  if crash_note ~= '' then note_crash(record, attempt, crashes) end
  if is_cancelling then return 'C' end
  local is_overdue = tonumber(read.deadline_us or math.huge) < now_us
  return with_payload(is_overdue and 'O' or 'R', record, '')
end

local openings = {}
for i, record in ipairs(records) do
  local read, number, attempt, crashes = reads[i], tickets[3 * i - 2], tickets[3 * i - 1], tickets[3 * i]
  openings[i] = read.ticket == number and opening(record, read, attempt, tonumber(crashes)) or 'D'
end
return { 'opened', openings }
