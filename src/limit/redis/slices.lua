-- What the slices of a sliding counter add up to, by age: 0 is the newest.
-- BRINGS share_of until_room charge_counts

-- Units of the slice that is leaving which still count, in whole units.
local function share_of(units, left_us, slice_us, is_strict)
  if is_strict == 1 then return units end
  return math.min(units, math.ceil(units * left_us / slice_us))
end

-- From the start of the newest slice until no more than `room` units count.
local function until_room(counts, whole, room, slices, slice_us, is_strict)
  local steps = 0
  while whole > room do
    steps = steps + 1
    whole = whole - counts[slices - steps]
  end
  if is_strict == 1 then return (steps + 1) * slice_us end
  local leaving, rest = counts[slices - steps], room - whole
  local left_us = math.floor(rest * slice_us / leaving)
  while share_of(leaving, left_us + 1, slice_us, 0) <= rest do left_us = left_us + 1 end
  while share_of(leaving, left_us, slice_us, 0) > rest do left_us = left_us - 1 end
  return (steps + 1) * slice_us - left_us
end

-- What is given back was taken last, as far as anybody knows. Answers the sum but for the oldest.
local function charge_counts(counts, slices, cost)
  local whole = 0
  for age = 0, slices do
    local after = math.max(0, counts[age] + cost)
    cost = cost - after + counts[age]
    counts[age] = after
    if age < slices then whole = whole + after end
  end
  return whole
end
