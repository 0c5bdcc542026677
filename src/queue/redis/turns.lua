-- Where jobs of several keys wait behind one gate, the keys take turns: of each rank, a job comes in the round behind the last
-- one of its key, and not before the round of who was let in last. So who parks a thousand has a job in each of a thousand
-- rounds, and who comes then has one in the round that it is now.
--   gate:NAME:turns   zset  rank, a space, key -> the last round in which that key has, or had, a job
-- Rounds begin at the server's time, so that those of all ranks can be compared: of more keys those are forgotten that have
-- the fewest rounds before them, and come in the round that it is now once more.
-- BRINGS next_round keep_turns note_round entry_of

-- The fields of a gate, and those of so many ranks. Jobs of other ones come in the order in which they are parked.
local MOST_FIELDS, MOST_TURNS = 36, 8192

local function next_round(gate, rank, key)
  local hash, turns, field, member = gate.hash, gate.turns, 'round:' .. rank, rank .. ' ' .. key
  local now_in = redis.call('HGET', hash, field)
  if not now_in then
    now_in = now_text
    if redis.call('HLEN', hash) < MOST_FIELDS then redis.call('HSET', hash, field, now_in) end
  end
  local round = math.max(tonumber(now_in), tonumber(redis.call('ZSCORE', turns, member) or 0) + 1)
  redis.call('ZADD', turns, string.format('%.0f', round), member)
  gate.has_turned = true
  return round
end

local function keep_turns(gate)
  local turns = gate.turns
  if gate.has_turned then redis.call('ZREMRANGEBYRANK', turns, 0, -MOST_TURNS - 1) end
end

-- A job of that rank and round was let in.
local function note_round(gate, rank, round)
  local hash, field = gate.hash, 'round:' .. (rank or 0)
  if rank and tonumber(round) > 0 and redis.call('HEXISTS', hash, field) == 1 then
    redis.call('HSET', hash, field, string.format('%.0f', tonumber(round)))
  end
end

-- As parked.lua says: `round` is 0 where nobody takes turns.
local function entry_of(round, body, demand) return string.format('%016.0f', round) .. body .. string.format('%-32s%02d', demand, #demand) end
