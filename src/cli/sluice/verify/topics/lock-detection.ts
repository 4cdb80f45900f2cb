import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { channelNames, type LockProbeEvent, SluiceError, sql } from '../../../../index.ts';
import { type Bench, type Topic } from '../bench/bench.ts';
import { notApplicable, optional, required, type Row } from '../row.ts';

const name = 'deadlock along a chain';
/** Far longer than it takes to be seen. */
const timeout = 4_000;

/** A transaction that holds a lock, and one inside it, on another connection, that wants it: is the deadlock named? */
export const lockDetection: Topic = {
  name: 'Lock detection',
  async run(bench) {
    if (!bench.hasSessions) return [notApplicable(name, 'It needs a second session')];
    const lock = await lockOf(bench);
    if (lock === undefined) return [notApplicable(name, bench.withoutItem)];
    const { database, signal, isReadOnly } = bench;
    let code: string | undefined;
    const began = performance.now();
    const inner = async (): Promise<void> => {
      await database
        .transaction(lock, { propagation: 'REQUIRES_NEW', readOnly: isReadOnly })
        .catch((error: unknown) => {
          code = SluiceError.find(error)?.code;
          throw error;
        });
    };
    const outer = async (): Promise<void> => {
      await lock();
      await inner();
    };
    let refused: unknown;
    const noteProbe = (event: unknown): void => {
      refused ??= (event as LockProbeEvent).error;
    };
    subscribe(channelNames.lockProbe, noteProbe);
    await database.transaction(outer, { signal, timeout, readOnly: isReadOnly }).catch(() => {});
    unsubscribe(channelNames.lockProbe, noteProbe);
    signal.throwIfAborted();
    // The server was not asked: it may have no connection left for this user.
    if (code === undefined && refused !== undefined) throw refused;
    return [rowFor(bench, code, performance.now() - began)];
  },
};

/** PostgreSQL has locks that need no table. */
async function lockOf(bench: Bench): Promise<(() => Promise<unknown>) | undefined> {
  const { database, kind, item } = bench;
  const number = bench.number();
  if (kind === 'postgres') return () => database.query(sql`select pg_advisory_xact_lock(${number}::int)`);
  if (item === undefined) return undefined;
  await database.query(sql`insert into ${item} (id, stock) values (${number}, 0)`);
  return () => database.query(sql`update ${item} set stock = stock + 1 where id = ${number}`);
}

function rowFor({ kind, pooler }: Bench, code: string | undefined, took: number): Row {
  if (code === 'CHAIN_DEADLOCK')
    return required(name, [], `Was named after ${Math.round(took)} ms (ChainDeadlockError)`);
  if (pooler !== undefined)
    return optional(
      name,
      false,
      'The pooler hides who waits for whom: give transactions a timeout, which ends such a wait',
    );
  if (kind === 'mysql')
    return optional(name, false, 'It needs the privilege PROCESS: grant it, or give transactions a timeout');
  return required(name, ['the wait was not named, and ended with its timeout'], '');
}
