-- Makes a schedule, or changes it: where the rule is the same, its next slot stays.
-- KEYLIST keys  as schedule.lua says
-- ARGV tail_number   integer
-- ARGV filling_name  string
-- ARGV rank_filling_name  string
-- ARGV name     string
-- ARGV rule     string
-- ARGV terms    string
-- ARGV header   string
-- ARGV label    string
-- ARGV payload  string
-- ARGV slot_us  integer
-- ARGV most     integer  schedules of a queue
-- REPLY put   slot_us:integer last_us:integer? emitted:integer tail_number:integer filling:integer rank_filling:integer
-- REPLY full
-- COST  O(1)
-- REPEAT safe
-- USE   clock queue/line queue/buckets queue/ranks queue/tickets queue/schedule
local schedules, schedule = keys[10], keys[11]
local read, queue = read_schedule(schedule), open_line(keys)
local count = redis.call('ZCARD', schedules)
if not read.rule and count >= most then return { 'full' } end
redis.call('HSET', schedule, 'rule', rule, 'terms', terms, 'header', header, 'label', label, 'payload', payload)
redis.call('ZADD', schedules, 0, name)
if read.rule ~= rule then
  drop_ticket(keys, queue, read, name)
  set_slot(queue, schedule, read, name, slot_us)
end
put_in_line(keys, queue, tail_number, filling_name, rank_filling_name)
return { 'put', tonumber(read.slot_us), tonumber(read.last_us) or '', tonumber(read.emitted or 0),
  queue.line.next, queue.fill.number, queue.ranked.number }
