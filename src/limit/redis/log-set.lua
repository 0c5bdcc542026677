-- A sliding log as a sorted set: a member per admitted unit, scored by when, in microseconds; and after
-- them 'blocked:for_us', scored by until when, from a block to the first charge after it. For logs of up
-- to 128 units, which the server keeps one next to the other.
-- BRINGS set_log

-- What came after `since_us`, and the newest; nil when the key holds something else.
local function set_read(state, since_us)
  local count = redis.pcall('ZCOUNT', state, string.format('(%.0f', since_us), '+inf')
  if type(count) ~= 'number' then return nil end
  local found = { count = count, last = -1 }
  local newest = redis.call('ZRANGE', state, -1, -1, 'WITHSCORES')
  if newest[1] and string.byte(newest[1]) == 98 then
    found.mark, found.mark_us, found.last = newest[1], tonumber(newest[2]), -2
    if found.mark_us > since_us then found.count = count - 1 end
    newest = redis.call('ZRANGE', state, -2, -2, 'WITHSCORES')
  end
  found.newest_us = tonumber(newest[2]) or 0
  return found
end

local function set_after(state, found, us)
  local count = redis.call('ZCOUNT', state, string.format('(%.0f', us), '+inf')
  return found.mark and found.mark_us > us and count - 1 or count
end

-- When the newest was admitted, or the second newest, and so on.
local function set_time(state, found, nth)
  local place = found.last + 1 - nth
  return tonumber(redis.call('ZRANGE', state, place, place, 'WITHSCORES')[2])
end

local function set_times(state, first, last)
  local entries, times = redis.call('ZRANGE', state, first, last, 'WITHSCORES'), {}
  for index = 2, #entries, 2 do times[#times + 1] = tonumber(entries[index]) end
  return times
end

local function set_put(state, us, units)
  local at = string.format('%.0f', us)
  local taken = redis.call('ZCOUNT', state, at, at)
  for first = 1, units, 1000 do
    local entries = {}
    for unit = first, math.min(first + 999, units) do
      entries[#entries + 1] = at
      -- All of one length, so that the last in order is the last one taken: what is given back
      -- leaves no gap, and no later unit of this instant gets a name that is taken.
      entries[#entries + 1] = string.format('%s:%05d', at, taken + unit)
    end
    redis.call('ZADD', state, unpack(entries))
  end
end

local function set_drop(state, units) redis.call('ZREMRANGEBYRANK', state, -units, -1) end

local function set_trim(state, since_us, _, most)
  local old = redis.call('ZCOUNT', state, '-inf', string.format('%.0f', since_us))
  if old > 0 then redis.call('ZREMRANGEBYRANK', state, 0, math.min(old, most) - 1) end
end

local function set_mark(state, until_us, for_us)
  redis.call('ZADD', state, string.format('%.0f', until_us), string.format('blocked:%.0f', for_us))
end

local function set_unmark(state, mark) redis.call('ZREM', state, mark) end

local set_log = {
  read = set_read, after = set_after, time = set_time, times = set_times,
  put = set_put, drop = set_drop, trim = set_trim, mark = set_mark, unmark = set_unmark,
}
