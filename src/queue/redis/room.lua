-- Whether a queue takes no more. Its `bytes` are of all bodies in line and behind gates, and of the payloads that records and
-- strands keep for jobs until they have ended.
-- BRINGS fullness

-- How many wait and of how many bytes, where so many more would be too many; nil where there is room.
local function fullness(meta, queue, max_length, max_bytes, new_count, new_bytes)
  local kept = redis.call('HMGET', meta, 'parked', 'stranded')
  local in_line = waiting_in(queue.line) + queue.fill.count + queue.ranked.count + tonumber(kept[1] or 0)
  local length = in_line + tonumber(kept[2] or 0)
  local bytes = queue.line.bytes - 28 * in_line
  local is_long = max_length > 0 and new_count > 0 and length + new_count > max_length
  local is_big = max_bytes > 0 and new_bytes > 0 and bytes + new_bytes > max_bytes
  if is_long or is_big then return length, bytes end
end
