-- Removes the records of jobs whose tickets were removed from line.
-- KEYLIST keys  record and log of each
-- ARGV tickets  list  number:string
-- REPLY forgotten
-- COST  O(records), at most 100
-- REPEAT safe
-- USE   clock facts queue/record
for i = 1, #tickets do
  local record, log = keys[2 * i - 1], keys[2 * i]
  if read_record(record).ticket == tickets[i] then redis.call('DEL', record, log) end
end
return { 'forgotten' }
