-- The jobs that are ready, the next one first: list `ready`, then numbered segments, then list `tail`.
-- A short line is all in `ready`. No list gets much longer than what is said here.
-- BRINGS read_line append pop push_front keep_line waiting_in

local MOST_JOBS, MOST_BYTES = 4096, 1048576

-- `kept` begins with what meta has in first_segment, next_segment, in_segments, filled and bytes. `bytes`
-- is of all jobs that wait, in line or in buckets.
local function read_line(kept, ready, tail)
  return {
    ready = redis.call('LLEN', ready),
    tail = redis.call('LLEN', tail),
    first = tonumber(kept[1] or 0),
    next = tonumber(kept[2] or 0),
    stored = tonumber(kept[3] or 0),
    filled = tonumber(kept[4] or 0),
    bytes = tonumber(kept[5] or 0),
  }
end

local function waiting_in(line) return line.ready + line.stored + line.tail end

-- Only the caller who knows its number can close the tail: others are told that number, and call again.
local function append(line, ready, tail, segment, number, bodies, bytes)
  line.changed, line.bytes = true, line.bytes + bytes
  if line.tail == 0 and line.stored == 0
    and (line.ready == 0 or (line.ready < MOST_JOBS and line.filled < MOST_BYTES)) then
    line.filled = (line.ready == 0 and 0 or line.filled) + bytes
    line.ready = redis.call('RPUSH', ready, unpack(bodies))
    return
  end
  line.filled = (line.tail == 0 and 0 or line.filled) + bytes
  line.tail = redis.call('RPUSH', tail, unpack(bodies))
  if (line.tail < MOST_JOBS and line.filled < MOST_BYTES) or number ~= line.next then return end
  if redis.call('RENAMENX', tail, segment) == 1 then
    line.stored, line.tail, line.filled = line.stored + line.tail, 0, 0
  end
  line.next = line.next + 1
end

local function refill(line, ready, tail, segment, number)
  if line.first < line.next then
    if number ~= line.first then return end
    local count = redis.call('LLEN', segment)
    if count > 0 then redis.call('RENAME', segment, ready) end
    line.ready, line.stored, line.first = count, math.max(0, line.stored - count), line.first + 1
    line.changed = true
  elseif line.tail > 0 then
    redis.call('RENAME', tail, ready)
    line.ready, line.tail = line.tail, 0
  end
end

-- Moves up to `want` bodies from the front of the line to the end of `bodies`.
local function pop(line, ready, tail, segment, number, want, bodies)
  for _ = 1, 2 do
    if want <= 0 or waiting_in(line) == 0 then return end
    if line.ready == 0 then refill(line, ready, tail, segment, number) end -- RARELY
    local popped = line.ready > 0 and redis.call('LPOP', ready, want) or {}
    local bytes = 0
    for i = 1, #popped do
      bodies[#bodies + 1] = popped[i]
      bytes = bytes + #popped[i]
    end
    line.ready, line.bytes, want = line.ready - #popped, line.bytes - bytes, want - #popped
  end
end

-- In front of what is there, the last one first.
local function push_front(line, ready, bodies)
  if #bodies == 0 then return end
  for i = 1, #bodies do line.bytes = line.bytes + #bodies[i] end
  line.ready = redis.call('LPUSH', ready, unpack(bodies))
end

-- Together with what else the caller keeps in meta.
local function keep_line(meta, line, ...)
  if line.changed then
    redis.call('HSET', meta, 'first_segment', line.first, 'next_segment', line.next,
      'in_segments', line.stored, 'filled', line.filled)
  end
  redis.call('HSET', meta, 'bytes', math.max(0, line.bytes), ...)
end
