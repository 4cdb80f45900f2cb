import { type Database, sql } from '../../../../index.ts';
import { type Bench, type Topic, valueOf } from '../bench/bench.ts';
import { notApplicable, optional, required, type Row } from '../row.ts';

const names = { transaction: 'lock of a transaction', session: 'lock of a session' } as const;

/** Locks with a name of their own: do they keep others out, and are they free again after their transaction or session? */
export const advisoryLocks: Topic = {
  name: 'Advisory locks',
  async run(bench) {
    if (!bench.hasSessions) return Object.values(names).map((name) => notApplicable(name, 'It needs a second session'));
    return [await ofTransaction(bench), await ofSession(bench)];
  },
};

async function ofTransaction(bench: Bench): Promise<Row> {
  if (bench.kind === 'mysql') return notApplicable(names.transaction, 'The engine has none: lock a row instead');
  const { database, signal, isReadOnly } = bench;
  const key = bench.number();
  const isFree = async (): Promise<boolean> =>
    valueOf(await database.query(sql`select pg_try_advisory_xact_lock(${key}::int)`)) === true;
  const options = { signal, readOnly: isReadOnly };
  const isFreeMeanwhile = await database.transaction(async () => {
    await database.query(sql`select pg_advisory_xact_lock(${key}::int)`);
    return await database.transaction(isFree, { ...options, propagation: 'REQUIRES_NEW' });
  }, options);
  const isFreeAfter = await database.transaction(isFree, options);
  return required(
    names.transaction,
    [
      ...(isFreeMeanwhile ? ['another session got it, too'] : []),
      ...(isFreeAfter ? [] : ['it is held after its transaction']),
    ],
    'Keeps others out until its transaction ends',
  );
}

async function ofSession(bench: Bench): Promise<Row> {
  // It would stay on a connection that others get next.
  if (bench.pooler !== undefined && bench.pooler.mode !== 'session') {
    return optional(
      names.session,
      false,
      'A session has no connection of its own behind the pooler: use locks of transactions, and run migrations past it',
    );
  }
  const [one, two] = [await bench.open({ max: 1 }), await bench.open({ max: 1 })];
  const key = bench.number();
  const isHeld = await take(bench, one, key);
  const isTakenTwice = await take(bench, two, key);
  await release(bench, one, key);
  const isFree = await take(bench, two, key);
  await release(bench, two, key);
  const holds = isHeld && !isTakenTwice && isFree;
  return optional(
    names.session,
    holds,
    holds ? 'Keeps others out until it is released' : 'Does not keep others out: use locks of transactions, or of rows',
  );
}

async function take({ kind }: Bench, database: Database, key: number): Promise<boolean> {
  const name = `sluice_verify_${key}`;
  const answer = valueOf(
    await database.query(
      kind === 'mysql' ? sql`select get_lock(${name}, 0)` : sql`select pg_try_advisory_lock(${key}::int)`,
    ),
  );
  return kind === 'mysql' ? Number(answer) === 1 : answer === true;
}

async function release({ kind }: Bench, database: Database, key: number): Promise<void> {
  const name = `sluice_verify_${key}`;
  await database.query(
    kind === 'mysql' ? sql`select release_lock(${name})` : sql`select pg_advisory_unlock(${key}::int)`,
  );
}
