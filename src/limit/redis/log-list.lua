-- A sliding log as a list: when each unit was admitted, in microseconds, the newest last; and before them
-- 'blocked until_us for_us', from a block to the first charge after it. For logs of more than 128 units: the
-- server keeps one in ten bytes, and in a sorted set of as many in a hundred.
-- BRINGS list_log

-- What no limiter wrote counts as a unit of now.
local function list_at(state, index) return tonumber(redis.call('LINDEX', state, index)) or now_us end

-- Of the places from `first` to `past` the first one with a unit later than `us`: mostly near the first.
local function list_place(state, us, first, past)
  local low, high, step = first, first, 1
  while high < past and list_at(state, high) <= us do
    low, high, step = high + 1, high + step, 2 * step
  end
  high = math.min(high, past)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if list_at(state, middle) <= us then low = middle + 1 else high = middle end
  end
  return low
end

-- What came after `since_us`, and the newest; nil when the key holds something else.
local function list_read(state, since_us)
  local length = redis.pcall('LLEN', state)
  if type(length) ~= 'number' then return nil end
  local found = { count = 0, gone = 0, newest_us = 0, length = length, first = 0 }
  if length == 0 then return found end
  local head, newest = redis.call('LINDEX', state, 0), redis.call('LINDEX', state, -1)
  if string.byte(head) == 98 then
    found.mark, found.mark_us, found.first = head, tonumber(string.match(head, '^blocked (%d+) ')), 1
    if not found.mark_us then return nil end
    if length == 1 then return found end
  end
  found.newest_us = tonumber(newest)
  if not found.newest_us or found.first == 0 and not tonumber(head) then return nil end
  found.gone = list_place(state, since_us, found.first, length) - found.first
  found.count = length - found.first - found.gone
  return found
end

local function list_after(state, found, us)
  return found.length - list_place(state, us, found.first + found.gone, found.length)
end

-- When the newest was admitted, or the second newest, and so on.
local function list_time(state, found, nth)
  if nth <= found.length - found.first then return list_at(state, -nth) end
end

local function list_times(state, first, last)
  local times = redis.call('LRANGE', state, first, last)
  for index, us in ipairs(times) do times[index] = tonumber(us) or now_us end
  return times
end

local function list_put(state, us, units)
  local entries = {}
  for unit = 1, math.min(units, 1000) do entries[unit] = string.format('%.0f', us) end
  for first = 1, units, 1000 do
    redis.call('RPUSH', state, unpack(entries, 1, math.min(1000, units - first + 1)))
  end
end

local function list_drop(state, units) redis.call('LTRIM', state, 0, -units - 1) end

local function list_trim(state, _, gone, most)
  if gone > 0 then redis.call('LTRIM', state, math.min(gone, most), -1) end
end

local function list_mark(state, until_us, for_us)
  redis.call('LPUSH', state, string.format('blocked %.0f %.0f', until_us, for_us))
end

local function list_unmark(state) redis.call('LPOP', state) end

local list_log = {
  read = list_read, after = list_after, time = list_time, times = list_times,
  put = list_put, drop = list_drop, trim = list_trim, mark = list_mark, unmark = list_unmark,
}
