-- Where a job stands among those behind its gate.
-- KEYLIST buckets  some of the gate
-- ARGV id    string
-- ARGV rank  string  empty where it is not known yet
-- REPLY counted  rank:string count:integer   so many are before it in these buckets; without a rank it is in none of them
-- COST  O(buckets * ranks in them), at most 100 * 4096
-- REPEAT safe

-- How many of the entries of a rank, of which the first is at an index, are before the id.
local function older_in(bucket, first, count)
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    local at = first + middle
    if string.sub(redis.call('ZRANGE', bucket, at, at)[1], 1, 16) < id then low = middle + 1 else high = middle end
  end
  return low
end

local function is_at(bucket, index) return string.sub(redis.call('ZRANGE', bucket, index, index)[1] or '', 1, 16) == id end

-- Jobs of one rank stand together, by their ids.
local function rank_in(bucket)
  local first, length = 0, redis.call('ZCARD', bucket)
  while first < length do
    local score = redis.call('ZRANGE', bucket, first, first, 'WITHSCORES')[2]
    local count = redis.call('ZCOUNT', bucket, score, score)
    if is_at(bucket, first + older_in(bucket, first, count)) then return score end
    first = first + count
  end
end

for _, bucket in ipairs(buckets) do
  if rank == '' then rank = rank_in(bucket) or '' end
end
local count = 0
for _, bucket in ipairs(rank == '' and {} or buckets) do
  local lower = redis.call('ZCOUNT', bucket, '-inf', '(' .. rank)
  count = count + lower + older_in(bucket, lower, redis.call('ZCOUNT', bucket, rank, rank))
end
return { 'counted', rank, count }
