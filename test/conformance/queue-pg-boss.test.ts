import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { queueSuite } from './queue-suite.ts';

queueSuite('pg-boss', {
  engine: ({ url }, scope) =>
    pgBoss({ connectionString: url, schema: `boss_${scope.replaceAll('-', '_')}`, pollInterval: 200 }),
});
