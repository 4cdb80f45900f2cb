import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineServer } from '../../src/cli/sluice/doctor/examine.ts';
import type { Examination, Finding, Settings } from '../../src/cli/sluice/doctor/finding.ts';
import { ownRedis, type OwnRedis } from '../support/redis-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const usual: Settings = { processes: 1, budget: 14, timeout: 5_000, now: Date.now };
let redis: OwnRedis | undefined;
let admin: Redis | undefined;

beforeAll(async () => {
  redis = await ownRedis();
  admin = redis === undefined ? undefined : new Redis(redis.url);
  await admin?.config('SET', 'appendonly', 'yes');
});
afterAll(async () => {
  admin?.disconnect();
  await redis?.stop();
});

async function examine(url: string, settings: Partial<Settings> = {}): Promise<Examination> {
  return await examineServer({ kind: 'redis', url }, { ...usual, ...settings }, () => {});
}

/** What is found while a setting of the server is another one. */
async function lookWith(
  settings: Readonly<Record<string, string>>,
  url = redis?.url ?? '',
): Promise<readonly Finding[]> {
  const before = new Map<string, string>();
  for (const [name, value] of Object.entries(settings)) {
    const old = (await admin?.config('GET', name)) as string[] | undefined;
    before.set(name, old?.[1] ?? '');
    await admin?.config('SET', name, value);
  }
  try {
    return (await examine(url)).findings;
  } finally {
    for (const [name, value] of before) await admin?.config('SET', name, value);
  }
}

describe('doctor on Redis', () => {
  it('finds nothing in a right set-up', async ({ skip }) => {
    if (redis === undefined) skip();
    const { facts, findings } = await examine(redis?.url ?? '');
    expect(findings).toEqual([]);
    expect(facts).toEqual([expect.stringMatching(/^Redis \d/)]);
  });

  it.each([
    ['REDIS_EVICTS', 'warning', { 'maxmemory-policy': 'allkeys-lru' }],
    ['REDIS_NOT_PERSISTENT', 'warning', { appendonly: 'no', save: '' }],
    ['REDIS_SNAPSHOTS_ALONE', 'note', { appendonly: 'no', save: '3600 1' }],
  ])('finds %s', async (code, severity, settings) => {
    if (redis === undefined) return;
    expect(await lookWith(settings as Record<string, string>)).toMatchObject([{ code, severity }]);
  });

  it('finds a replica', async () => {
    if (redis === undefined || admin === undefined) return;
    await admin.replicaof('127.0.0.1', 1);
    const { findings } = await examine(redis.url);
    await admin.replicaof('NO', 'ONE');
    expect(findings).toMatchObject([{ code: 'SERVER_READ_ONLY' }]);
  });

  it('finds a clock that is off', async () => {
    if (redis === undefined) return;
    const { findings } = await examine(redis.url, { now: () => Date.now() + 3_600_000 });
    expect(findings).toMatchObject([{ code: 'CLOCK_OFFSET', what: expect.stringContaining('60 min behind') }]);
  });

  it('logs in, and says what it cannot with neither user nor password', async () => {
    if (redis === undefined || admin === undefined) return;
    await admin.call('ACL', 'SETUSER', 'doctor@1', 'on', '>canary:/?#', '+@all', '~*');
    const url = redis.url.replace(
      'redis://',
      `redis://${encodeURIComponent('doctor@1')}:${encodeURIComponent('canary:/?#')}@`,
    );
    expect((await examine(url)).findings).toEqual([]);
    const wrong = await examine(url.replace('canary', 'canary-wrong'));
    expect(wrong.findings).toMatchObject([{ code: 'SERVER_UNREACHABLE', what: expect.stringContaining('WRONGPASS') }]);
    expect(JSON.stringify(wrong)).not.toContain('canary');
    // As managed servers have it.
    await admin.call('ACL', 'SETUSER', 'doctor@1', '-config');
    expect((await examine(url)).findings).toEqual([]);
  });

  it('ends with one that is not there, says nothing, or goes away in the middle', async () => {
    if (redis === undefined) return;
    const codes = async (url: string, timeout = 300): Promise<unknown> =>
      (await examine(url, { timeout })).findings.map(({ code }) => code);
    expect(await codes('redis://:canary@127.0.0.1:1')).toEqual(['SERVER_UNREACHABLE']);
    const proxy = await startTcpProxy(redis.url);
    proxy.hold();
    expect(await codes(proxy.url)).toEqual(['SERVER_UNREACHABLE']);
    proxy.goOn();
    const { findings } = await examineServer({ kind: 'redis', url: proxy.url }, usual, (what) => {
      if (what.endsWith('persistence')) proxy.cut();
    });
    await proxy.close();
    expect(findings.map(({ code }) => code)).toContain('NOT_CHECKED');
  });
});
