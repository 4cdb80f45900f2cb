import { memory, type QueueEngineFactory } from '../../src/queue/index.ts';
import { queueSuite } from './queue-suite.ts';

const byScope = new Map<string, QueueEngineFactory>();

queueSuite('memory', {
  engine: (_server, scope) => {
    const engine = byScope.get(scope) ?? memory();
    byScope.set(scope, engine);
    return engine;
  },
});
