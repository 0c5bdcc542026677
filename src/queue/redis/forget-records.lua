-- Removes the records of jobs whose tickets were removed from line. What has ended is remembered: the ticket was one
-- that its worker, or who cancelled it, had left.
-- KEYLIST keys  meta; then record and log of each
-- ARGV tickets  list  number:string
-- REPLY forgotten
-- COST  O(records), at most 100
-- REPEAT safe
-- USE   clock facts queue/record
local meta, bytes = keys[1], 0
for i = 1, #tickets do
  local record, log = keys[2 * i], keys[2 * i + 1]
  local read = read_record(record)
  if read.ticket == tickets[i] and lives(read) then
    redis.call('DEL', record, log)
    bytes = bytes + tonumber(read.counted or 0)
  end
end
-- It is gone where the whole queue is.
if bytes > 0 and redis.call('HEXISTS', meta, 'bytes') == 1 then redis.call('HINCRBY', meta, 'bytes', -bytes) end
return { 'forgotten' }
