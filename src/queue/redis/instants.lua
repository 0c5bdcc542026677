-- How calls say when something is due, and its deadline: '' or '+us' from now, '@us' for that time.
-- BRINGS instant

local function instant(text)
  return text == '' and now_us or tonumber(string.sub(text, 2)) + (string.sub(text, 1, 1) == '+' and now_us or 0)
end
