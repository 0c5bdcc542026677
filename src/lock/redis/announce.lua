-- Tells those who watch an election that something of it has changed.
-- KEYS  watchers  zset client -> deadline_us
-- ARGV  name  string
-- REPLY told  clients:integer
-- COST  O(watchers), at most 1,000
-- REPEAT safe
-- USE   clock facts lock/watchers
return { 'told', tell_watchers(watchers, 'election-news ' .. name) }
