// Who holds up the same as the one to look at: those of a pool, and no one who waits for that one.
import { expect, it } from 'vitest';
import { findStandstills, formatStandstills, type HolderInfo, type HolderWait } from '../../src/index.ts';

const backendOf = (name: string): { id: number; startedAt: string } => ({ id: name.charCodeAt(0), startedAt: 'then' });

/** A transaction of one pool; one that waits for a connection has none. */
function holder(name: string, waitsFor: HolderWait): HolderInfo {
  return {
    id: name,
    kind: 'transaction',
    name,
    clientName: 'default',
    level: 0,
    poolId: 'pool',
    chainId: name,
    outerId: undefined,
    ancestors: [],
    job: undefined,
    blocks: [],
    attempt: 1,
    age: 1_000 - name.charCodeAt(0),
    origin: undefined,
    backend: waitsFor.type === 'connection' ? undefined : backendOf(name),
    running: undefined,
    waitsFor,
  };
}

const idle: HolderWait = { type: 'code', for: 5_000 };
const forConnection: HolderWait = { type: 'connection', opening: false, refused: undefined, for: 900 };
const lockOf = (name: string): HolderWait => ({
  type: 'lock',
  relation: 'product',
  owners: [{ backend: backendOf(name), holderId: name, idle: true }],
  for: 900,
});

function heldIn(holders: readonly HolderInfo[]): readonly (readonly [last: string | undefined, besides: number])[] {
  return findStandstills(holders).map(({ members, besides }) => [members.at(-1)?.name, besides]);
}

it('no one holds up the same as the owner of a lock, whoever waits for it in its pool', () => {
  const holders = [holder('A', idle), holder('B', lockOf('A')), holder('C', lockOf('A'))];
  expect(heldIn(holders)).toEqual([['A', 0]]);
  expect(formatStandstills(findStandstills(holders))).toContain(
    'Standstill: transaction "A" holds up others for 5.0 s, and 1 more wait behind them.',
  );
});

it('one that waits for it does not hold up the same, though its connection is waited for, too', () => {
  expect(heldIn([holder('A', idle), holder('B', lockOf('A')), holder('C', forConnection)])).toEqual([['A', 0]]);
});

it('the others of a pool do, where a connection of it is waited for', () => {
  const holders = [holder('A', idle), holder('B', idle), holder('C', idle), holder('D', forConnection)];
  expect(heldIn(holders)).toEqual([['A', 2]]);
  expect(formatStandstills(findStandstills(holders))).toContain(
    'Standstill: transaction "A" holds up others for 5.0 s, as 2 more do.',
  );
});
