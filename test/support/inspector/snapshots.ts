import type { HolderView, PoolView, ProcessView, Snapshot } from '../../../src/inspector/index.ts';

/** The id of the process that snapshots of tests come from. */
export const processId = 'p1';

/** A transaction that is in its program, unless it is said otherwise. */
export function holder(id: string, given: Partial<HolderView> = {}): HolderView {
  return {
    id,
    kind: 'transaction',
    name: id,
    clientName: 'default',
    level: 0,
    chainId: id,
    outerId: undefined,
    ancestors: [],
    job: undefined,
    blocks: [],
    attempt: 1,
    age: 4_200,
    origin: '/shop/orders.ts:12:5',
    backend: { id: 100, startedAt: id },
    running: undefined,
    waitsFor: { type: 'code', for: 3_000 },
    processId,
    poolId: `${processId} default`,
    ...given,
  };
}

/** One that waits for a connection of its pool. */
export function waiter(id: string, given: Partial<HolderView> = {}): HolderView {
  return holder(id, {
    backend: undefined,
    waitsFor: { type: 'connection', opening: false, refused: undefined, for: 2_500 },
    ...given,
  });
}

export function pool(given: Partial<PoolView> = {}): PoolView {
  return {
    clientName: 'default',
    target: 'PostgreSQL 127.0.0.1:5432/shop',
    budget: 12,
    max: 10,
    maxLevel: 2,
    used: 7,
    idle: 2,
    opening: 0,
    closing: 0,
    waiting: 3,
    levels: [
      { level: 0, used: 6, waiting: 3 },
      { level: 1, used: 1, waiting: 0 },
      { level: 2, used: 0, waiting: 0 },
    ],
    oldestHolder: undefined,
    ...given,
  };
}

export function processView(given: Partial<ProcessView> = {}): ProcessView {
  return {
    id: processId,
    name: 'shop',
    pid: 4711,
    host: 'web-1',
    startedAt: 0,
    nodeVersion: '24.0.0',
    version: '0.1.0',
    isInspector: true,
    status: 'answered',
    pools: [pool()],
    caches: [],
    holders: 1,
    waiting: 0,
    ...given,
  };
}

export function snapshot(holders: readonly HolderView[] = [], given: Partial<Snapshot> = {}): Snapshot {
  const waiting = holders.filter(({ waitsFor }) => waitsFor.type === 'connection').length;
  return {
    version: 1,
    at: Date.now(),
    inspector: processId,
    payloads: true,
    actions: [
      'job.retry',
      'job.discard',
      'outbox.replay',
      'outbox.discard',
      'saga.resume',
      'saga.cancel',
      'publication.resubmit',
      'received.replay',
      'received.discard',
    ],
    processes: [processView({ holders: holders.length, waiting })],
    holders: { shown: holders, groups: [], total: holders.length, leftOut: 0 },
    standstills: [],
    sessions: [],
    queues: [],
    channels: [],
    received: [],
    sagas: [],
    publications: [],
    points: [],
    problems: [],
    ...given,
  };
}
