-- Several rules of one take, of one limiter or more: all of them allow it, or none is charged. A part
-- is one of them: { rule, state, cost }, and what was found: text and block, or mark of a log.
--   put_off_us  the take may be so far in the future
--   is_penalty  it is charged whatever the rule says
-- BRINGS keeps_text read_parts judge_part judge_parts answers_of

local function keeps_text(rule) return rule[1] ~= 'slidingLog' and rule[1] ~= 'concurrency' end

-- `asks` has rule and cost of each state, and as many fields more as `stride` says. Nil and a place
-- when a key there holds something else.
local function read_parts(asks, states, stride)
  local parts, names, places, absent = {}, {}, {}, {}
  for place, state in ipairs(states) do
    local at = (place - 1) * stride
    local rule, cost = read_rule(asks[at + 1]), tonumber(asks[at + 2])
    parts[place] = { rule = rule, state = state, cost = cost, put_off_us = 0 }
    if keeps_text(rule) then names[#names + 1], places[#places + 1] = state, place end
  end
  if #names == 0 then return parts end
  for index, text in ipairs(redis.call('MGET', unpack(names))) do
    local part = parts[places[index]]
    if not text then absent[#absent + 1] = part.state
    elseif string.byte(text) ~= 98 then part.text = text
    else part.text, part.block = cut_block(text) end
  end
  -- What is no string looks absent.
  if #absent > 0 and redis.call('EXISTS', unpack(absent)) > 0 then
    for place, state in ipairs(states) do
      local is_absent = keeps_text(parts[place].rule) and parts[place].text == nil
      if is_absent and redis.call('EXISTS', state) == 1 then return nil, place end
    end
  end
  return parts
end

local function judge_part(part, cost)
  local verdict = judge(part.rule, part.state, cost, part)
  if part.mark then part.block = block_of(part.mark_us, string.match(part.mark, '%d+$')) end
  local block = part.block
  if not verdict or not block then return verdict end
  if cost > 0 and not part.is_penalty and part.put_off_us < block.left_us then
    local retry_us = math.max(verdict.retry_us or 0, block.left_us)
    verdict = judge(part.rule, part.state, 0, part)
    verdict.fits, verdict.retry_us = false, retry_us
  end
  verdict.prefix, verdict.remaining = block.prefix, 0
  verdict.reset_us = math.max(verdict.reset_us, block.left_us)
  return verdict
end

-- What each says, and whether all allow it. Nil and a place when a key there holds something else.
local function judge_parts(parts)
  local verdicts, is_allowed = {}, true
  for place, part in ipairs(parts) do
    verdicts[place] = judge_part(part, part.cost)
    if not verdicts[place] then return nil, place end
    is_allowed = is_allowed and verdicts[place].fits
  end
  return verdicts, is_allowed
end

-- Remaining, reset_us and retry_us of each; the last is 0 for one that allows, -1 for never.
local function answers_of(parts, verdicts, is_allowed)
  local answers = {}
  for place, verdict in ipairs(verdicts) do
    local part, at = parts[place], place * 3
    if not is_allowed and verdict.fits then verdict = judge_part(part, 0) end
    local retry_us = verdict.fits and 0 or part.cost > part.rule[2] and -1 or verdict.retry_us
    answers[at - 2], answers[at - 1], answers[at] = verdict.remaining, verdict.reset_us, retry_us
  end
  return answers
end
