-- Bodies in the order of a number, in numbered sorted sets: body -> its number. A set of heads says
-- bucket -> the number of its first one. Any body may be in any bucket; a new one is begun when one has
-- got big. Timed jobs are in the order of when they are due, ranked ones in that of their ranks.
-- BRINGS read_fill note_head note_filled put take_first keep_fill

local MOST_IN_BUCKET, MOST_BUCKET_BYTES = 4096, 1048576

local function bucket_text(number) return string.format('%08.0f', number) end

-- `text` is what meta has in `field`: the bucket that is being filled, its bytes, and how many bodies
-- all buckets have.
local function read_fill(field, text)
  if not text then return { field = field, number = 0, bytes = 0, count = 0 } end
  local number, bytes, count = string.match(text, '^(%d+) (%d+) (%d+)$')
  return { field = field, number = tonumber(number), bytes = tonumber(bytes), count = tonumber(count) }
end

local function note_head(heads, bucket, name)
  local first = redis.call('ZRANGE', bucket, 0, 0, 'WITHSCORES')[2]
  if first then
    redis.call('ZADD', heads, first, name)
  else
    redis.call('ZREM', heads, name)
  end
end

-- A bucket got so many bodies more. Another one is begun once the one that is being filled is full.
local function note_filled(fill, bucket, name, count, bytes)
  fill.count, fill.changed = fill.count + count, true
  if name ~= bucket_text(fill.number) then return end
  fill.bytes = fill.bytes + bytes
  if fill.bytes >= MOST_BUCKET_BYTES or redis.call('ZCARD', bucket) >= MOST_IN_BUCKET then
    fill.number, fill.bytes = fill.number + 1, 0
  end
end

-- `pairs` is number, body, number, body, … Answers how many bytes the bodies have.
local function put(fill, heads, bucket, name, pairs)
  if #pairs == 0 then return 0 end
  redis.call('ZADD', bucket, unpack(pairs))
  note_head(heads, bucket, name)
  local bytes = 0
  for i = 2, #pairs, 2 do bytes = bytes + #pairs[i] end
  note_filled(fill, bucket, name, #pairs / 2, bytes)
  return bytes
end

-- Takes up to `most` bodies whose number is at most `upto` from the bucket with the lowest, as long as no
-- other bucket has a lower one; and tells their bytes. `firsts` is the start of `heads`. Nothing if the
-- caller knows another bucket: it is told, and calls again.
local function take_first(fill, firsts, heads, bucket, name, upto, most)
  if most <= 0 or firsts[1] ~= name or tonumber(firsts[2]) > upto then return {}, 0 end
  local last = upto
  -- Of equal ones those in the older bucket are older.
  if firsts[3] and tonumber(firsts[4]) <= upto then last = (name < firsts[3] and '' or '(') .. firsts[4] end
  local taken = redis.call('ZRANGEBYSCORE', bucket, '-inf', last, 'LIMIT', 0, most)
  if #taken > 0 then redis.call('ZREM', bucket, unpack(taken)) end
  note_head(heads, bucket, name)
  local bytes = 0
  for i = 1, #taken do bytes = bytes + #taken[i] end
  fill.count, fill.changed = math.max(0, fill.count - #taken), true
  return taken, bytes
end

local function keep_fill(meta, fill)
  if not fill.changed then return end
  redis.call('HSET', meta, fill.field, string.format('%.0f %.0f %.0f', fill.number, fill.bytes, fill.count))
end
