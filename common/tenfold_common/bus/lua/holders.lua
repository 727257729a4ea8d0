-- Which worker holds each attempt's lease now; an empty string where nobody does.
-- KEYS: leases
-- ARGV: the attempt asked for, per lease
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local holders = {}
for i, lease in ipairs(KEYS) do
  local held = redis.call('HMGET', lease, 'attempt', 'state', 'worker', 'until_ms')
  local holds = held[1] == ARGV[i] and held[2] == 'held' and tonumber(held[4]) > now_ms
  holders[i] = holds and held[3] or ''
end
return holders
