-- Jobs that are ready and have a rank, in buckets: the lowest first. Ranks below 0 go before the line,
-- the others behind it. The rank is the priority, or for `lifo` minus the id; bodies of one rank are in
-- the order of their ids.
-- BRINGS rank_of part_by_rank read_firsts take_ranked

-- Nil where the job waits in line. Flag 8 is `lifo`, flag 4 a priority of 11 characters, behind the
-- deadline where there is one.
local function rank_of(body)
  local flags = tonumber(string.sub(body, 18, 18), 16)
  if flags >= 8 then return -tonumber(string.sub(body, 1, 16)) end
  if flags < 4 then return nil end
  local at = flags % 4 >= 2 and 45 or 29
  return tonumber(string.sub(body, at, at + 10))
end

-- Bodies for the line, their bytes, and of the ranked ones rank, body, rank, body, …
local function part_by_rank(bodies, has_ranks)
  local plain, bytes, ranked = {}, 0, {}
  for i = 1, #bodies do
    local body = bodies[i]
    local rank = has_ranks and rank_of(body)
    if rank then
      ranked[#ranked + 1] = rank
      ranked[#ranked + 1] = body
    else
      plain[#plain + 1] = body
      bytes = bytes + #body
    end
  end
  return plain, bytes, ranked
end

-- Keys of another type fail here, before the first write.
local function read_firsts(ranks, rank_first, rank_filling)
  redis.call('ZCARD', rank_first)
  redis.call('ZCARD', rank_filling)
  return redis.call('ZRANGE', ranks, 0, 1, 'WITHSCORES')
end

-- Fills `bodies` up to `want` with ranked jobs, and answers which buckets are first then.
local function take_ranked(line, fill, ranks, bucket, name, upto, want, bodies)
  local firsts = redis.call('ZRANGE', ranks, 0, 1, 'WITHSCORES')
  local taken, bytes = take_first(fill, firsts, ranks, bucket, name, upto, want - #bodies)
  if #taken == 0 then return firsts end
  line.bytes = line.bytes - bytes
  for i = 1, #taken do bodies[#bodies + 1] = taken[i] end
  return redis.call('ZRANGE', ranks, 0, 1, 'WITHSCORES')
end
