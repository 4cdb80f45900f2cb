import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { describe, onTestFinished } from 'vitest';
import { redisFleet } from '../../src/inspector/redis/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, redisUrl } from '../support/servers.ts';
import { describeFleet } from './fleet-suite.ts';

const server = useTestDatabase();

await describeWith('Redis', 'a fleet on Redis', () => {
  const channel = `sluice-test-${randomUUID()}`;
  const open = (): ReturnType<typeof server.open> => server.open({ max: 20, maxLevel: 1 });

  describe('with ioredis', () => {
    describeFleet(open, () => {
      const client = new Redis(redisUrl);
      const subscriber = client.duplicate();
      onTestFinished(() => {
        client.disconnect();
        subscriber.disconnect();
      });
      return redisFleet({ client, subscriber, channel });
    });
  });

  describe('with node-redis', async () => {
    const client = await createClient({ url: redisUrl }).connect();
    describeFleet(open, () => {
      const subscriber = client.duplicate();
      const connected = subscriber.connect();
      onTestFinished(async () => {
        await connected;
        subscriber.destroy();
      });
      return redisFleet({ client, subscriber, channel });
    });
  });
});
