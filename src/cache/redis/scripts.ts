import { createHash } from 'node:crypto';

/** A script, which works on each of its keys by itself. Milliseconds are counted by the clock of Redis. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

// A tag is a text: its stamp, and behind that the transactions that are committing, each with the end of its lock.
const common = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(key)
  local stamp, locks = string.match(redis.call('GET', key) or '', '^(%S+)(.*)$')
  return stamp, locks or ''
end
local function locksOfOthers(locks, transaction)
  local live, own = '', false
  for of, deadline in string.gmatch(locks, ' (%S+) (%d+)') do
    if tonumber(deadline) > now then
      if of == transaction then own = true else live = live .. ' ' .. of .. ' ' .. deadline end
    end
  end
  return live, own
end`;

function script(body: string): Script {
  const text = `${common}${body}`;
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/** Arguments: a stamp for tags that have none, how long it is kept. Gives each tag without the locks that are over. */
export const tagScript: Script = script(`
local tags = {}
for index, key in ipairs(KEYS) do
  local stamp, locks = read(key)
  if not stamp then
    stamp = ARGV[1]
    redis.call('SET', key, stamp, 'PX', ARGV[2])
  elseif locks ~= '' then
    locks = locksOfOthers(locks, '')
    redis.call('SET', key, stamp .. locks, 'KEEPTTL')
  end
  tags[index] = stamp .. locks
end
return tags`);

/**
 * Arguments: the channel, how long a tag is kept at least, and for each change `lock` or `end`, the count of its keys, the
 * transaction, the stamp, how long the lock lasts. At most 1,000 keys. One that holds no text has no lock, and is replaced.
 */
export const changeScript: Script = script(`
local texts, told, from = {}, {}, 1
for index, text in ipairs(redis.call('MGET', unpack(KEYS))) do texts[KEYS[index]] = text or '' end
for argument = 3, #ARGV, 5 do
  local takes, transaction, stamp = ARGV[argument] == 'lock', ARGV[argument + 2], ARGV[argument + 3]
  local ttl = tonumber(ARGV[argument + 4])
  local lock = takes and ' ' .. transaction .. ' ' .. string.format('%.0f', now + ttl) or ''
  local kept = math.max(ARGV[2], ttl)
  local to = from + ARGV[argument + 1] - 1
  for index = from, to do
    local key = KEYS[index]
    local text = texts[key]
    local live, own, space = '', false, string.find(text, ' ', 1, true)
    if space then live, own = locksOfOthers(string.sub(text, space), transaction) end
    if own and not takes then
      texts[key] = string.sub(text, 1, space - 1) .. live
      redis.call('SET', key, texts[key], 'KEEPTTL')
    else
      texts[key] = stamp .. live .. lock
      redis.call('SET', key, texts[key], 'PX', kept)
      told[#told + 1] = key
    end
  end
  from = to + 1
end
if #told > 0 then redis.call('PUBLISH', ARGV[1], cjson.encode(told)) end`);

/**
 * Arguments: the run of the server, how long a lock may last, a name for a life of the server that begins now. Gives the life, and
 * how long it is until no lock of an earlier one can be left, which may have been lost with it.
 */
export const epochScript: Script = script(`
local known = redis.call('GET', KEYS[1])
local run, untilThen = string.match(known or '', '^(%S+) (%d+) ')
if run ~= ARGV[1] then
  untilThen = string.format('%.0f', now + tonumber(ARGV[2]))
  known = ARGV[1] .. ' ' .. untilThen .. ' ' .. ARGV[3]
  redis.call('SET', KEYS[1], known)
end
return { known, math.max(0, tonumber(untilThen) - now) }`);

/** Argument: who has taken the lease. */
export const releaseLeaseScript: Script = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`);
