-- Ring the bell. The bell before, if nobody has heard it yet, is replaced: bells do not pile up, and a reader that is
-- already past the old one hears the new one.
-- KEYS: news, the last bell
-- ARGV: news text
local last = redis.call('GET', KEYS[2])
if last then
  redis.call('XDEL', KEYS[1], last)
end
local entry = redis.call('XADD', KEYS[1], '*', 'news', ARGV[1])
redis.call('SET', KEYS[2], entry)
return entry
