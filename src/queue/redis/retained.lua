-- Jobs that are done, of those queues that keep them: a list, the oldest first. An entry is 16 digits each for its number,
-- for when it was done, for until when it is kept, and for the bytes of all entries up to its own since the list began; 3
-- for the length of the job's name, where it has one of its own, and 5 for that of its result; then these, and the body as a
-- plain one. Numbers have no gaps, so that a page of a list that loses its head begins where the last one ended.
-- A script that keeps nothing makes no more of it than `open_retained`.
-- BRINGS open_retained

-- With `wake` it is to be written to: nil on a full server, where what is kept would keep it full.
local function open_retained(done, wake)
  local MOST_BYTES, FRAME_BYTES = 3000000, 64
  local list, heads, added, added_bytes = {}, {}, {}, 0

  -- What something else wrote fails here, before the first write.
  local function read(index)
    local text = redis.call('LINDEX', done, index)
    if not text then return nil end
    local frame = string.sub(text, 1, 72)
    if #text < 100 or string.find(frame, '%D') then error({ err = 'WRONGTYPE not a list of jobs that are done' }) end
    return { number = tonumber(string.sub(frame, 1, 16)), until_us = tonumber(string.sub(frame, 33, 48)),
      total = tonumber(string.sub(frame, 49, 64)), bytes = #text }
  end

  -- How many of the oldest are too much for one key, or have been kept for long enough: these one after the other, as
  -- not all are kept for as long.
  local function count_over(length, total)
    local low, high, first = 0, length, read(0)
    if not first then return 0 end
    if total - first.total + first.bytes <= MOST_BYTES then high = 0 end
    while low < high do
      local middle = math.floor((low + high) / 2)
      local one = read(middle)
      if total - one.total + one.bytes > MOST_BYTES then low = middle + 1 else high = middle end
    end
    for _ = 1, 1000 do
      local one = read(low)
      if not one or one.until_us > now_us then break end
      low = low + 1
    end
    return low
  end

  list.length, list.first, list.last = redis.call('LLEN', done), read(0), read(-1)
  -- This changes nothing, and is refused where there is no memory: what frees some may come first no more.
  if wake and type(redis.pcall('ZADD', wake, 'XX', 0, '')) == 'table' then return nil end

  list.count_over = function() return count_over(list.length, list.last and list.last.total or 0) end

  list.add = function(name, result, body)
    local i = #added + 1
    heads[i] = name == '' and '00000000' or string.format('%03d%05d', #name, #result) .. name .. result
    added[i], added_bytes = body, added_bytes + #heads[i] + #body
    -- It would be trimmed at once.
    while added_bytes > MOST_BYTES do added_bytes = added_bytes - #table.remove(heads, 1) - #table.remove(added, 1) end
  end

  list.write = function(count, for_us)
    if #added == 0 then return end
    local number, total = list.last and list.last.number or now_us, list.last and list.last.total or 0
    local times = now_text .. digits_of(now_us + for_us)
    for i = 1, #added do
      total = total + FRAME_BYTES + #heads[i] + #added[i]
      added[i] = digits_of(number + i) .. times .. digits_of(total) .. heads[i] .. added[i]
    end
    local length = redis.call('RPUSH', done, unpack(added))
    local over = math.max(length - count, count_over(length, total))
    if over > 0 then redis.call('LTRIM', done, over, -1) end
    redis.call('PEXPIRE', done, math.max(math.ceil(for_us / 1000), redis.call('PTTL', done)))
  end

  -- Keeps those of these ids that are in flight; tickets are none, whose jobs are kept where their records and keys end them.
  list.keep_acked = function(inflight, acks, count, for_us)
    local seen = {}
    for start = 1, #acks, 320 do
      local ids = {}
      for at = start, math.min(start + 304, #acks), 16 do ids[#ids + 1] = string.sub(acks, at, at + 15) end
      local bodies = redis.call('HMGET', inflight, unpack(ids))
      for i = 1, #ids do
        local body = bodies[i]
        local is_plain = body and #body >= 28 and tonumber(string.sub(body, 18, 18), 16) % 2 == 0
        if is_plain and not seen[ids[i]] then list.add('', '', body) end
        seen[ids[i]] = true
      end
    end
    list.write(count, for_us)
  end
  return list
end
