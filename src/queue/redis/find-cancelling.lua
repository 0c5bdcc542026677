-- Says which of the jobs that run are to be cancelled.
-- KEYLIST records
-- ARGV fences  list  fence:integer
-- REPLY found  places:integers
-- COST  O(records), at most 500
-- REPEAT safe
-- USE   clock facts queue/record
local places = {}
for i, record in ipairs(records) do
  local read = read_record(record)
  if read.state == 'cancelling' and read.fence == tonumber(fences[i]) then places[#places + 1] = i - 1 end
end
return { 'found', places }
