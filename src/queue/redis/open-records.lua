-- Opens tickets that were claimed: says of each what is to be done, and notes that its job runs.
-- KEYLIST records  of each ticket
-- ARGV fence    integer  of the claim
-- ARGV tickets  list  number:string attempt:integer
-- REPLY opened  openings:strings
-- An opening is a letter and what belongs to it: R payload, run it; D, drop it; L us, later; C, it was
-- cancelled while it ran; O, its deadline passed, and the payload; B, bury it: 4 digits for the length of the reason, reason, payload.
-- COST  O(tickets), at most 100
-- REPEAT safe  for the same fence the answer is the same
-- USE   clock facts queue/record
local reads = {}
for i, record in ipairs(records) do
  reads[i] = read_record(record)
end

local function opening(record, read, attempt)
  if read.state == 'waiting' then
    if read.due_us > now_us then return 'L' .. string.format('%.0f', read.due_us - now_us) end
  elseif read.state == 'dead' then
    local reason = redis.call('HGET', record, 'reason') or ''
    return 'B' .. string.format('%04d', #reason) .. reason .. redis.call('HGET', record, 'payload')
  elseif not lives(read) or read.fence > fence then
    return 'D'
  end
  -- Without need of memory, for a full server.
  redis.call('HDEL', record, '')
  local is_cancelling = read.state == 'cancelling'
  redis.call('HSET', record, 'state', is_cancelling and 'cancelling' or 'running',
    'fence', string.format('%.0f', fence), 'attempt', attempt)
  if is_cancelling then return 'C' end
  local is_overdue = tonumber(read.deadline_us or math.huge) < now_us
  return (is_overdue and 'O' or 'R') .. redis.call('HGET', record, 'payload')
end

local openings = {}
for i, record in ipairs(records) do
  local read, number = reads[i], tickets[2 * i - 1]
  openings[i] = read.ticket == number and opening(record, read, tickets[2 * i]) or 'D'
end
return { 'opened', openings }
