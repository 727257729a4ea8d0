-- Claim an attempt's lease and tell the scheduler, in one step.
-- A lapsed lease stays as a tombstone: an attempt is claimed at most once, whatever Celery delivers twice.
-- KEYS: lease, index of the study's leases, news
-- ARGV: attempt, worker, token, lease in ms, memory in ms, news text
-- Answers 1 if the caller holds the lease, else 0.
local held = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'token')
if held[1] and tonumber(held[1]) >= tonumber(ARGV[1]) then
  -- The same token is the same claim, repeated after its answer was lost on the way.
  return (held[1] == ARGV[1] and held[2] == 'held' and held[3] == ARGV[3]) and 1 or 0
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'attempt', ARGV[1], 'state', 'held', 'worker', ARGV[2], 'token', ARGV[3],
  'until_ms', string.format('%.0f', now_ms + ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('XADD', KEYS[3], '*', 'news', ARGV[6])
return 1
