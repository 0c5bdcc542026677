-- Gives a job that waits another time, or another priority.
-- KEYLIST keys  of the line, as tickets.lua says; then the record
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV name          string
-- ARGV due           string  as in instants.lua, or 'keep'
-- ARGV rank          string  11 characters, '' for none, or 'keep'
-- REPLY changed  tail_number:integer filling:integer rank_filling:integer
-- REPLY running
-- REPLY ended
-- REPLY unknown
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts queue/line queue/buckets queue/ranks queue/record queue/instants queue/tickets
local record = keys[10]
local read, queue = read_record(record), open_line(keys)
if not read.state then return { 'unknown' } end
if not lives(read) then return { 'ended' } end
if read.state ~= 'waiting' then return { 'running' } end
local due_us = due == 'keep' and read.due_us or instant(due)
-- Behind number and name: format, flags, 10 characters, and the priority where flag 4 says so.
local header = read.header
if rank ~= 'keep' then
  local flags = tonumber(string.sub(header, 2, 2), 16) % 4 + (rank == '' and 0 or 4)
  header = string.sub(header, 1, 1) .. string.format('%x', flags) .. string.sub(header, 3, 12) .. rank
end
if header ~= read.header then
  local ticket = next_number(queue)
  redis.call('HSET', record, 'header', header, 'ticket', ticket, 'due_us', string.format('%.0f', due_us))
  put_ticket(queue, ticket, header, read.attempt, name, due_us)
-- What is due already stands in line, and stays where it is.
elseif due ~= 'keep' and (due_us > now_us or read.due_us > now_us) then
  postpone(queue, record, read, name, due_us)
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'changed', queue.line.next, queue.fill.number, queue.ranked.number }
