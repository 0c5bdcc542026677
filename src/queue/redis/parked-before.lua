-- Where a job stands among those behind its gate.
-- KEYLIST buckets  some of the gate
-- ARGV id     string
-- ARGV rank   string  empty where it is not known yet
-- ARGV place  string  the same: its round and id, as its entry begins
-- REPLY counted  rank:string place:string count:integer   so many are before it in these buckets; without a rank it is in none of them
-- COST  O(entries of the buckets) to find it, at most 25 * 4096, and O(buckets * log) to count
-- REPEAT safe

-- How many of the entries of a rank, of which the first is at an index, are before it.
local function older_in(bucket, first, count)
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    local at = first + middle
    if string.sub(redis.call('ZRANGE', bucket, at, at)[1], 1, 32) < place then low = middle + 1 else high = middle end
  end
  return low
end

-- Its round is not known, so all entries are looked at, by the server itself.
local function find_in(bucket)
  local pattern, cursor = string.rep('?', 16) .. id .. '*', '0'
  repeat
    local page = redis.call('ZSCAN', bucket, cursor, 'MATCH', pattern, 'COUNT', 1024)
    if page[2][1] then return page[2][2], string.sub(page[2][1], 1, 32) end
    cursor = page[1]
  until cursor == '0'
  return '', ''
end

local is_id = string.match(id, '^%d+$') and #id == 16
for _, bucket in ipairs(buckets) do
  redis.call('ZCARD', bucket)
  if rank == '' and is_id then rank, place = find_in(bucket) end
end
local count = 0
for _, bucket in ipairs(rank == '' and {} or buckets) do
  local lower = redis.call('ZCOUNT', bucket, '-inf', '(' .. rank)
  count = count + lower + older_in(bucket, lower, redis.call('ZCOUNT', bucket, rank, rank))
end
return { 'counted', rank, place, count }
