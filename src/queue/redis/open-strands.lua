-- Opens tickets of keys that were claimed: what is to be run of each, noting by which delivery.
-- KEYLIST strands  of each ticket
-- ARGV fence    integer  of the claim
-- ARGV tickets  list  number:string
-- REPLY opened  openings:strings
-- An opening is R and the payload; L and how many us later; or D: nothing is to be done for this ticket any more.
-- COST  O(tickets), at most 100
-- REPEAT safe  for the same fence the answer is the same
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/history queue/strands
local firsts, openings = {}, {}
for i, strand in ipairs(strands) do firsts[i] = read_first(strand) or false end
for i, strand in ipairs(strands) do
  local first = firsts[i]
  local counts = first and first.number == tickets[i] and first.fence <= fence
  if counts and first.due_us > now_us then
    openings[i] = 'L' .. string.format('%.0f', first.due_us - now_us)
  elseif counts then
    fence_first(strand, first, fence)
    openings[i] = 'R' .. payload_of(first)
  else
    openings[i] = 'D'
  end
end
return { 'opened', openings }
