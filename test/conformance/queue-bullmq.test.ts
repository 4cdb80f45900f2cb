import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { queueSuite } from './queue-suite.ts';

await describeWith('Redis', 'BullMQ', () => {
  queueSuite('bullmq', {
    engine: (_server, scope) => bullmq({ connection: redisUrl, prefix: redisKeys(scope), lostAfter: 2_000 }),
  });
});
