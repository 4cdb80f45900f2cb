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
  local text = redis.call('GET', key)
  if not text then return false, '' end
  local stamp, locks = string.match(text, '^(%S+)(.*)$')
  return stamp, locks
end
local function locksOfOthers(locks, transaction)
  local live, own = '', false
  for of, deadline in string.gmatch(locks, ' (%S+) (%d+)') do
    if tonumber(deadline) > now then
      if of == transaction then own = true else live = live .. ' ' .. of .. ' ' .. deadline end
    end
  end
  return live, own
end
local function publish(keys)
  redis.call('PUBLISH', ARGV[#ARGV], cjson.encode(keys))
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

/** Arguments: the transaction, its stamp, how long it is locked, how long the tag is kept, the channel. */
export const prepareScript: Script = script(`
local lock = ' ' .. ARGV[1] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[3]))
for _, key in ipairs(KEYS) do
  local _, locks = read(key)
  redis.call('SET', key, ARGV[2] .. locksOfOthers(locks, ARGV[1]) .. lock, 'PX', ARGV[4])
end
publish(KEYS)`);

/** Arguments: the transaction, a stamp for tags whose lock was lost, how long it is kept, the channel. */
export const releaseScript: Script = script(`
local lost = {}
for _, key in ipairs(KEYS) do
  local stamp, locks = read(key)
  local live, own = locksOfOthers(locks, ARGV[1])
  if own then
    redis.call('SET', key, stamp .. live, 'KEEPTTL')
  else
    redis.call('SET', key, ARGV[2] .. live, 'PX', ARGV[3])
    lost[#lost + 1] = key
  end
end
if #lost > 0 then publish(lost) end`);

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
