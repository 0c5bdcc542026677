-- What a reservation paid, and what was owed after it, and when: 'paid owed at_us'. The same arithmetic
-- as ../receipts.ts, where the reasons are.
-- BRINGS receipt_of cancel_part

local function receipt_of(verdict)
  local owed, at_us = verdict.debt_us or verdict.used, verdict.at_us or now_us
  return string.format('%.17g %.17g %.0f', verdict.paid, owed, at_us)
end

-- Takes what was paid off a verdict on nothing, but for what others owe behind it.
local function cancel_part(rule, verdict, receipt)
  local paid, owed, at_us = string.match(receipt, '^(%S+) (%S+) (%S+)$')
  local passed_us, full_us = math.max(0, now_us - at_us), 0
  if rule[1] == 'funnel' then
    local mine = math.max(0, owed - passed_us)
    local behind = math.max(0, verdict.debt_us - mine)
    verdict.debt_us = math.max(0, verdict.debt_us - math.max(0, paid - behind))
    full_us = rule[2] * rule[3]
    verdict.reset_us = math.max(0, math.ceil(verdict.debt_us - math.min(0.25, full_us * 2 ^ -44)))
  else
    local mine = math.max(0, owed - math.floor(passed_us / rule[3]) * rule[4])
    local behind = math.max(0, verdict.used - mine)
    verdict.used = math.max(0, verdict.used - math.max(0, paid - behind))
    local refilled_us = math.ceil(verdict.used / rule[4]) * rule[3]
    verdict.reset_us = math.max(0, refilled_us - math.max(0, now_us - verdict.at_us))
  end
end
