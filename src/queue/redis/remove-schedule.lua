-- Removes a schedule. Jobs that it has emitted stay.
-- KEYLIST keys  as schedule.lua says
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV name  string
-- REPLY removed
-- REPLY unknown
-- COST  O(1)
-- REPEAT safe
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/schedule
local schedules, schedule = keys[10], keys[11]
local read, queue = read_schedule(schedule), open_line(keys)
redis.call('ZCARD', schedules)
if not read.rule then return { 'unknown' } end
-- Without need of memory, for a full server.
redis.call('DEL', schedule)
redis.call('ZREM', schedules, name)
drop_ticket(keys, queue, read, name)
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'removed' }
