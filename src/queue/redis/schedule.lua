-- A rule by which jobs come, and the ticket that stands for its next slot.
--   schedule  hash
--     rule, terms   JSON, of clients
--     payload       of its jobs
--     header, label what stands in front of the slot in their bodies, and behind it
--     slot_us       the next one
--     ticket        the number of the ticket that counts
--     last_us       the last slot of which there was a job
--     emitted       how many jobs there were
-- Keys, in this order: those of the line, as tickets.lua says, where the bucket for new jobs is the one
-- of the tickets of schedules; schedules: zset name -> 0; schedule.
-- BRINGS read_schedule set_slot drop_ticket

-- The text between number and name of a ticket: `lifo`, so that no line keeps it waiting.
local TICKET_HEADER = '190000010000'

local FIELDS_OF_SCHEDULE = { 'rule', 'ticket', 'slot_us', 'last_us', 'emitted', 'header', 'label', 'payload' }

local function read_schedule(schedule)
  local values, read = redis.call('HMGET', schedule, unpack(FIELDS_OF_SCHEDULE)), {}
  for i, field in ipairs(FIELDS_OF_SCHEDULE) do read[field] = values[i] or nil end
  if read.rule and not (read.ticket and read.slot_us) then error({ err = 'WRONGTYPE not a schedule' }) end
  return read
end

-- The next slot, and its ticket; the one before no longer counts.
local function set_slot(queue, schedule, read, name, slot_us)
  read.slot_us, read.ticket = string.format('%.0f', slot_us), next_number(queue)
  redis.call('HSET', schedule, 'slot_us', read.slot_us, 'ticket', read.ticket)
  put_ticket(queue, read.ticket, TICKET_HEADER, 0, 'schedule:' .. name, slot_us)
end

-- One that is under way, or in line, is dropped by who opens it.
local function drop_ticket(keys, queue, read, name)
  local buckets, bucket = keys[5], keys[6]
  if not read.ticket then return end
  local body = read.ticket .. TICKET_HEADER .. 'schedule:' .. name
  if redis.call('ZREM', bucket, body) == 0 then return end
  note_head(buckets, bucket, 'schedules')
  queue.fill.count, queue.fill.changed = math.max(0, queue.fill.count - 1), true
  queue.line.bytes, queue.changed = queue.line.bytes - #body, true
end
