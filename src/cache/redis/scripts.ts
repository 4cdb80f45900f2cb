import { createHash } from 'node:crypto';

/** A script, which works on each of its keys by itself. Milliseconds are counted by the clock of Redis. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** How long the stamp of a tag is kept after it was made or changed, in milliseconds; afterwards its values are dead. */
const kept = 7 * 86_400_000;

// A tag is a text: its stamp, and behind that the transactions that are committing, each with the end of its lock.
const common = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function liveLocks(text, besides)
  local live = ''
  for transaction, deadline in string.gmatch(text, ' (%S+) (%d+)') do
    if tonumber(deadline) > now and transaction ~= besides then live = live .. ' ' .. transaction .. ' ' .. deadline end
  end
  return live
end`;

function script(body: string): Script {
  const text = `${common}${body}`;
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

// A stamp ends with a part of the time: clients send again what they have got no answer to, and it must be another one then.

/**
 * Arguments: how many tags there are, and what stamps begin with of those that have none. Gives each tag without the locks that are
 * over, and the epoch, if that is the last key.
 */
export const tagScript: Script = script(`
local tags, count = {}, tonumber(ARGV[1])
for index = 1, count do
  local key = KEYS[index]
  local text = redis.call('GET', key) or ''
  local stamp = string.match(text, '^%S+')
  if not stamp then
    tags[index] = ARGV[2] .. '.' .. time[2]
    redis.call('SET', key, tags[index], 'PX', '${kept}')
  else
    tags[index] = stamp .. liveLocks(text)
    if tags[index] ~= text then redis.call('SET', key, tags[index], 'KEEPTTL') end
  end
end
if KEYS[count + 1] then tags[count + 1] = redis.call('GET', KEYS[count + 1]) or '' end
return tags`);

/**
 * Arguments: the channel, and for each change the count of its keys, the transaction, and how long the locks are to last; with 0 they
 * end. A new stamp is the transaction, a point, and what this returns, together with the epoch if that is the last key. A key
 * that holds no text has no lock, and is replaced.
 */
export const changeScript: Script = script(`
local told, from = {}, 1
for argument = 2, #ARGV, 3 do
  local transaction, ttl = ARGV[argument + 1], ARGV[argument + 2]
  local ends, lock, locked = ttl == '0', ' ' .. transaction .. ' ', ''
  if not ends then locked = lock .. string.format('%.0f', now + ttl) end
  local to = from + ARGV[argument] - 1
  for index = from, to do
    local key = KEYS[index]
    local text = redis.pcall('GET', key)
    if type(text) ~= 'string' then text = '' end
    local own, past
    if ends then own, past = string.find(text, lock, 1, true) end
    if own then
      local next = string.find(text, ' ', past + 1, true)
      redis.call('SET', key, string.sub(text, 1, own - 1) .. (next and string.sub(text, next) or ''), 'KEEPTTL')
    else
      local others = string.find(text, ' ', 1, true) and liveLocks(text, transaction) or ''
      redis.call('SET', key, transaction .. '.' .. time[2] .. others .. locked, 'PX', '${kept}')
      told[#told + 1] = key
    end
  end
  from = to + 1
end
if #told > 0 then redis.call('PUBLISH', ARGV[1], cjson.encode(told)) end
local epoch = KEYS[from] and redis.pcall('GET', KEYS[from])
if type(epoch) == 'table' then epoch = false end
return { time[2], epoch }`);

/**
 * Arguments: how long a lock may last, a name for a life of the server that begins now. Gives the life, and how long it is until no lock
 * of an earlier one can be left, which may have been lost with it. The server is that which has the key: a cluster has several.
 */
export const epochScript: Script = script(`
local present = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not present then error('the server did not say which run of it this is') end
local known = redis.call('GET', KEYS[1])
local run, untilThen = string.match(known or '', '^(%S+) (%d+) ')
if run ~= present then
  untilThen = string.format('%.0f', now + tonumber(ARGV[1]))
  known = present .. ' ' .. untilThen .. ' ' .. ARGV[2]
  redis.call('SET', KEYS[1], known)
end
return { known, math.max(0, tonumber(untilThen) - now) }`);

/**
 * Arguments: who takes the lease, and for how many milliseconds. Gives 1 if that one has it now: also to a client that lost its
 * connection before the answer, and sends it again.
 */
export const leaseScript: Script = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** Argument: who has taken the lease. */
export const releaseLeaseScript: Script = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`);
