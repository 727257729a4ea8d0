-- Keep a lease. One the broker has forgotten (flushed, restarted, restored from an older state) is set again.
-- KEYS: lease, index of the study's leases
-- ARGV: attempt, worker, lease in ms, memory in ms
-- Answers 1 if the caller holds the lease, 0 if it was revoked or superseded.
local held = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'worker')
if held[1] and tonumber(held[1]) >= tonumber(ARGV[1]) then
  if held[1] ~= ARGV[1] or held[2] ~= 'held' or held[3] ~= ARGV[2] then
    return 0
  end
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'attempt', ARGV[1], 'state', 'held', 'worker', ARGV[2],
  'until_ms', string.format('%.0f', now_ms + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
