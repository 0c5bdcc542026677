-- Equal takes, one after the other, of any rule but a funnel: at one moment each changes what the
-- next is told in the same way, so a run of those that fit is charged as one take of their sum.
-- BRINGS take_times

-- Answers with runs: how many were allowed, and remaining and reset_us of the first of them; then how
-- long those that come after wait, 0 when there are none. A state from a clock that ran ahead makes
-- two runs, as the take that pulls it back is one of its own.
local function take_times(cost, times, judge_units, charge)
  local runs, left = {}, times
  while left > 0 do
    local verdict = judge_units(cost)
    if not verdict.fits then return runs, verdict.retry_us end
    local count, size = math.min(left, 1 + math.floor(verdict.remaining / cost)), #runs
    runs[size + 1], runs[size + 2], runs[size + 3] = count, verdict.remaining, verdict.reset_us
    charge(count == 1 and verdict or judge_units(cost * count))
    left = left - count
  end
  return runs, 0
end
