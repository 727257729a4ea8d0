-- Send an attempt's result and turn its lease into a done marker, in one step.
-- The result is sent even where the lease is no longer the caller's: the scheduler decides what counts.
-- KEYS: lease, index of the study's leases, news
-- ARGV: attempt, worker, memory in ms, news text
local held = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'worker')
if held[1] == ARGV[1] and held[2] == 'done' and held[3] == ARGV[2] then
  return 0  -- the same result, repeated after its answer was lost on the way
end
redis.call('XADD', KEYS[3], '*', 'news', ARGV[4])
local newer = held[1] and tonumber(held[1]) > tonumber(ARGV[1])
local revoked = held[1] == ARGV[1] and held[2] == 'revoked'
if not newer and not revoked then
  redis.call('HSET', KEYS[1], 'attempt', ARGV[1], 'state', 'done', 'worker', ARGV[2], 'until_ms', '0')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('SADD', KEYS[2], KEYS[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return 1
