import { notBegun } from '../src/context/index.ts';
import { systemClock } from '../src/core/index.ts';
import { Pool, type PooledConnection, poolSettings } from '../src/pool/index.ts';

const connection: PooledConnection = {
  onDeath() {},
  close: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

/** A pool whose connections go nowhere. */
export function barePool(max: number, maxLevel: number): Pool<PooledConnection> {
  const patience = 600_000;
  return new Pool({
    clientName: 'default',
    settings: poolSettings('default', { max, maxLevel, acquireTimeout: patience, idleTimeout: patience }),
    clock: systemClock,
    random: Math.random,
    target: 'nowhere',
    isSound: () => Promise.resolve(true),
    open: () => Promise.resolve(connection),
  });
}

/** Of somebody who holds nothing else. */
export const request: Parameters<Pool<PooledConnection>['acquire']>[0] = {
  level: 0,
  mayWait: true,
  begun: notBegun,
  holder: {
    describe: () => ({ clientName: 'default', level: 0, transaction: 'bench', age: 0, openedAt: undefined }),
    heldBesides: () => [],
  },
};
