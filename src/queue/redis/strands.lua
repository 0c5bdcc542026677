-- Jobs of one key, which run one after the other: list `strand:KEY`, the first one runs or is the next. One
-- ticket stands for that one, in line, among the timed jobs or in flight: its payload is the key, with 1 at
-- 26 of its body. An entry is 16 digits each for the fence of the delivery that runs it, for when it is due,
-- and for the bytes of all entries up to its own since the strand began; then the body: of one that was dead
-- before, its history stands in front of the payload, until its ticket has it.
-- BRINGS read_first read_strand has_room payload_of fence_first push_entry put_next

-- A strand is one key, and must not get big.
local MOST_STRAND_BYTES, ENTRY_BYTES = 4000000, 76

-- What something else wrote fails here, before the first write.
local function read_entry(text)
  if not text then return nil end
  if #text < ENTRY_BYTES or not string.find(string.sub(text, 1, 65), '^%d+$') then
    error({ err = 'WRONGTYPE not a strand of jobs' })
  end
  return { text = text, fence = tonumber(string.sub(text, 1, 16)), due_us = tonumber(string.sub(text, 17, 32)),
    total = tonumber(string.sub(text, 33, 48)), number = string.sub(text, 49, 64), header = string.sub(text, 65, 76) }
end

local function read_first(strand) return read_entry(redis.call('LINDEX', strand, 0)) end

local function text_of(entry) return string.sub(entry.text, ENTRY_BYTES + 1) end

-- Without the history that the job came with.
local function payload_of(entry)
  if string.sub(entry.header, 10, 10) == '1' then return text_of(entry) end
  local _, _, payload = split_past(entry.number .. entry.header .. text_of(entry))
  return payload
end

-- What a ticket of that header has behind it: the key, and in front of it the history that the job came with.
local function past_and_key(header, payload, key)
  if string.sub(header, 10, 10) == '1' then return key end
  return string.sub(payload, 1, string.find(payload, '\n\n', 1, true) + 1) .. key
end

local function read_strand(strand)
  local first = read_first(strand)
  if not first then return { length = 0, bytes = 0, total = 0 } end
  local last = read_entry(redis.call('LINDEX', strand, -1))
  return { length = redis.call('LLEN', strand), bytes = last.total - first.total + #first.text, total = last.total }
end

-- Once a job had none, those behind it have none either: they would be before it.
local function has_room(read, payload)
  read.is_full = read.is_full or read.bytes + ENTRY_BYTES + #payload > MOST_STRAND_BYTES
  return not read.is_full
end

-- The delivery of that fence runs the first one. The trimming needs no memory, for a full server.
local function fence_first(strand, entry, fence)
  redis.call('LTRIM', strand, 0, -1)
  redis.call('LSET', strand, 0, string.format('%016.0f', fence) .. string.sub(entry.text, 17))
end

-- Behind those of its key; in line as well if it is the first.
local function push_entry(queue, strand, read, key, number, header, payload, due_us)
  local bytes = ENTRY_BYTES + #payload
  read.length, read.bytes, read.total = read.length + 1, read.bytes + bytes, read.total + bytes
  local entry = string.format('%016.0f%016.0f%016.0f', 0, due_us > now_us and due_us or 0, read.total)
  redis.call('RPUSH', strand, entry .. number .. header .. payload)
  if read.length > 1 then
    queue.stranded = (queue.stranded or 0) + 1
  else
    put_ticket(queue, number, header, 0, past_and_key(header, payload, key), due_us)
  end
end

-- The first of a strand gets its ticket.
local function put_next(queue, strand, key)
  local first = read_first(strand)
  if not first then return end
  put_ticket(queue, first.number, first.header, 0, past_and_key(first.header, text_of(first), key), first.due_us)
  queue.changed, queue.stranded = true, (queue.stranded or 0) - 1
end
