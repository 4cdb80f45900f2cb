// A program says goodbye to a server that answers nothing any longer: it closes in time, and nothing of it keeps the process.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { startMuteProxy } from '../support/mute-proxy.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';

const program = fileURLToPath(new URL('programs/leaves-silence.ts', import.meta.url));
const limit = { timeout: 120_000 };
const server = useTestDatabase();

interface Place {
  readonly kind: string;
  readonly url: string;
  readonly name: string;
}

/** @param when it falls silent: before it was reached, or when it was used */
async function leave(when: string, { kind, url, name }: Place): Promise<unknown> {
  await using proxy = await startMuteProxy(url);
  if (when === 'unreached') proxy.mute();
  const child = fork(program, [kind, when, server.url, proxy.url, name], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const [out, errors]: [string[], string[]] = [[], []];
  child.stdout?.on('data', (chunk) => out.push(String(chunk)));
  child.stderr?.on('data', (chunk) => errors.push(String(chunk)));
  const ended = once(child, 'close');
  try {
    await Promise.race([once(child, 'message'), ended]);
    proxy.mute();
    child.send('close');
    await ended;
    const alive = errors.join('').includes('still alive') ? errors.join('') : '';
    return { out: out.join(''), exitCode: child.exitCode, alive };
  } finally {
    child.kill('SIGKILL');
  }
}

const left = { out: 'closed in time: true\n', exitCode: 0, alive: '' };

for (const kind of brokerKinds) {
  await describeWith(kind.server, `the goodbye to ${kind.server}, silent`, () => {
    it.each(['unreached', 'used'])('ends when it was %s', limit, async (when) => {
      const place = kind.place(`silence-${process.pid}`);
      try {
        const found = await leave(when, { kind: kind.server, url: kind.url, name: place.name });
        // The client of NATS leaves the socket of an attempt open to which no answer has come.
        const isLeftOpen = kind.name === 'nats' && when === 'unreached';
        expect(found).toMatchObject(isLeftOpen ? { out: left.out } : left);
      } finally {
        await place.drop();
      }
    });
  });
}

await describeWith('Redis', 'the goodbye to Redis of BullMQ, silent', () => {
  it.each(['unreached', 'used'])('ends when it was %s', limit, async (when) => {
    expect(await leave(when, { kind: 'BullMQ', url: redisUrl, name: redisKeys(`silence-${when}`) })).toEqual(left);
  });
});

describe('the goodbye to PostgreSQL of pg-boss, silent', () => {
  it.each(['unreached', 'used'])('ends when it was %s', limit, async (when) => {
    expect(await leave(when, { kind: 'pg-boss', url: server.url, name: 'silence' })).toEqual(left);
  });
});
