import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisFleet } from '../../src/inspector/redis/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, redisUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();
const program = fileURLToPath(new URL('../processes/programs/leaves-fleet.ts', import.meta.url));
const listening =
  "select 1 from pg_stat_activity where application_name = 'sluice inspector' and query like 'listen%' and state = 'idle'";

describe('close()', () => {
  it.each(['inspector', 'member'])('of an %s settles in a process that nothing else keeps', async (kind) => {
    const child = spawn(process.execPath, [program, server.url, kind]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const told = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    await until('it listens', async () => (await server.sql(listening)).length === 1, 20_000);
    child.stdin.write('close\n');
    const [said, complained, [code]] = await told;
    expect({ said, complained, code }).toEqual({ said: 'closed\n', complained: '', code: 0 });
  });
});

await describeWith('Redis', 'close() of redisFleet', () => {
  it('settles while Redis is silent', async () => {
    const proxy = await startTcpProxy(redisUrl);
    const client = new Redis(proxy.url);
    const subscriber = client.duplicate();
    onTestFinished(async () => {
      client.disconnect();
      subscriber.disconnect();
      await proxy.close();
    });
    const heard: string[] = [];
    const bus = redisFleet({ client, subscriber, channel: `sluice-test-${randomUUID()}` });
    bus.open(
      (message) => heard.push(message),
      () => {},
    );
    await until('it hears', async () => {
      await bus.publish('hello');
      return heard.length > 0;
    });
    proxy.hold();
    await bus.close();
  });
});
