-- Jobs that may not be begun after some time: flag 2, and 16 digits of µs behind the header. A job that
-- is being added may say '+' and how long from now instead.
-- BRINGS date_deadline drop_overdue forget_deadline

local function has_deadline(body) return tonumber(string.sub(body, 18, 18), 16) % 4 >= 2 end

local function date_deadline(body)
  if not has_deadline(body) then return body, false end
  if string.sub(body, 29, 29) ~= '+' then return body, true end
  local at_us = now_us + tonumber(string.sub(body, 30, 44))
  return string.sub(body, 1, 28) .. string.format('%016.0f', at_us) .. string.sub(body, 45), true
end

-- Buries what is overdue; answers the others, and the id of the suspect if it is still among them.
local function drop_overdue(bodies, suspect_id, dead, told)
  local left = {}
  for i = 1, #bodies do
    local body = bodies[i]
    if has_deadline(body) and tonumber(string.sub(body, 29, 44)) < now_us then
      bury(dead, body, 'its deadline passed')
      note_death(told, 'X', body_id(body), 'its deadline passed')
      if body_id(body) == suspect_id then suspect_id = nil end
    else
      left[#left + 1] = body
    end
  end
  return left, suspect_id
end

-- Who brings a dead job back wants it to run.
local function forget_deadline(body)
  if not has_deadline(body) then return body end
  local flags = string.format('%x', tonumber(string.sub(body, 18, 18), 16) - 2)
  return string.sub(body, 1, 17) .. flags .. string.sub(body, 19, 28) .. string.sub(body, 45)
end
