-- What happened to the jobs of a queue, for whoever wants to follow it: written by those whose queue keeps events.
--   events    stream  an entry for each step, `number-us`: of its last event, and when; 7 days after the last one it goes
--     t         the number before its first event, the number before the first of all, and the bytes so far
--     A         id and count: added, so many with ids that follow each other
--     D, V      ids of 16 digits: done; redriven
--     R         attempt of 3 digits, id: retried
--     X         4 digits for the length of the id, id, the reason: dead
--     a d r x c the same of a job by name: added, done, retried, dead, cancelled
--     N count   drained; O obliterated; P paused; U resumed
--   watchers  zset  channel -> until_us: who is to be told of the next one, once
-- BRINGS open_events note_event note_death note_done write_events

local MOST_EVENT_BYTES, EVENT_ENTRY_BYTES, EVENT_TTL_MS = 3000000, 64, 604800000

-- Nil where no events are kept. Keys of another type fail here, before the first write.
local function open_events(events, watchers, keep)
  if keep == 0 then return nil end
  local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
  local base, bytes = now_text, '0'
  if last then base, bytes = string.match(last[2][2], '^%d+ (%d+) (%d+)$') end
  return { events = events, watchers = watchers, keep = keep, base = base, bytes = tonumber(bytes), count = 0,
    last = tonumber(last and string.match(last[1], '^%d+') or base), channels = redis.call('ZRANGE', watchers, 0, -1) }
end

local function note_event(told, letter, text, count)
  if not told then return end
  told[#told + 1] = letter
  told[#told + 1] = text
  told.count, told.bytes = told.count + (count or 1), told.bytes + #text
end

local function note_death(told, letter, id, reason)
  if not told then return end
  note_event(told, letter, string.format('%04d', #id) .. id .. string.sub(reason, 1, 256))
end

-- Ids of 16 digits, one after the other; those of the stale and the quiet ones are none.
local function note_done(told, ids, stale, quiet)
  if not told or ids == '' then return end
  local kept, others = ids, table.concat(stale, ' ') .. ' ' .. quiet
  if others ~= ' ' then
    kept = string.gsub(ids, '%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d', function(id)
      return string.find(others, id, 1, true) and '' or id
    end)
  end
  if kept ~= '' then note_event(told, 'D', kept, #kept / 16) end
end

local function write_events(told)
  if not told or told.count == 0 then return end
  local events, watchers, number = told.events, told.watchers, told.last + told.count
  local bytes = told.bytes + EVENT_ENTRY_BYTES
  redis.call('XADD', events, 'MINID', '~', string.format('%.0f', math.max(0, number - told.keep + 1)),
    string.format('%.0f-', number) .. now_text, 't', string.format('%.0f %s %.0f', told.last, told.base, bytes), unpack(told))
  -- Of what is long the oldest quarter goes, until there is room.
  for _ = 1, 64 do
    local first = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
    if not first or bytes - tonumber(string.match(first[2][2], '%d+$')) <= MOST_EVENT_BYTES then break end
    redis.call('XTRIM', events, 'MAXLEN', math.floor(redis.call('XLEN', events) * 3 / 4))
  end
  redis.call('PEXPIRE', events, EVENT_TTL_MS)
  for _, channel in ipairs(told.channels) do redis.call('PUBLISH', channel, 'events ' .. events) end
  if #told.channels > 0 then redis.call('DEL', watchers) end
end
