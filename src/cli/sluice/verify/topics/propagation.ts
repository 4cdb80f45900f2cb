import { SluiceError, sql } from '../../../../index.ts';
import { type Bench, sessionOf, type Topic } from '../bench/bench.ts';
import { notApplicable, required, type Row } from '../row.ts';

type Mode = 'REQUIRED' | 'SUPPORTS' | 'MANDATORY' | 'REQUIRES_NEW' | 'NESTED' | 'NOT_SUPPORTED' | 'NEVER';

/** What became of a scope inside of a transaction that is rolled back after it. */
interface Inner {
  readonly isSameSession: boolean;
  /** Undefined where nothing can be written. */
  readonly isKept: boolean | undefined;
}

const purpose = 'on purpose';

/** The seven propagations, by what is left of them when the transaction around them is rolled back. */
export const propagation: Topic = {
  name: 'Propagation',
  async run(bench) {
    const rows: Row[] = [];
    for (const mode of ['REQUIRED', 'SUPPORTS', 'MANDATORY'] as const) rows.push(await joining(bench, mode));
    for (const mode of ['REQUIRES_NEW', 'NOT_SUPPORTED'] as const) {
      rows.push(
        bench.hasSessions
          ? await independent(bench, mode)
          : notApplicable(mode, 'There is one session: it would wait for the transaction around it'),
      );
    }
    return [...rows, await nested(bench), await never(bench)];
  },
};

async function joining(bench: Bench, mode: Mode): Promise<Row> {
  const { isSameSession, isKept } = await inside(bench, mode);
  const problems = [
    ...(isSameSession ? [] : ['inside a transaction it ran in another session']),
    ...(isKept === true ? ['what it wrote is there although the transaction was rolled back'] : []),
  ];
  if (mode === 'MANDATORY') {
    const alone = await refusalOf(() => bench.database.transaction(() => sessionOf(bench), { propagation: mode }));
    if (alone !== 'TRANSACTION_REQUIRED') problems.push('without a transaction it was not refused');
  }
  return required(
    mode,
    problems,
    mode === 'MANDATORY' ? 'Joins, and is refused outside' : 'Joins the transaction around it',
  );
}

async function independent(bench: Bench, mode: Mode): Promise<Row> {
  const { isSameSession, isKept } = await inside(bench, mode);
  const problems = [
    ...(isSameSession ? ['it ran in the session of the transaction around it'] : []),
    ...(isKept === false ? ['what it wrote is gone with the transaction around it'] : []),
  ];
  return required(
    mode,
    problems,
    mode === 'REQUIRES_NEW' ? 'Commits by itself' : 'Its statements commit by themselves',
  );
}

async function inside(bench: Bench, mode: Mode): Promise<Inner> {
  const id = bench.number();
  const sessions: unknown[] = [];
  const { database } = bench;
  await database
    .transaction(async () => {
      sessions.push(await sessionOf(bench));
      await database.transaction(
        async () => {
          sessions.push(await sessionOf(bench));
          await write(bench, id);
        },
        { propagation: mode },
      );
      throw new Error(purpose);
    }, options(bench))
    .catch(unlessOnPurpose);
  return { isSameSession: sessions[0] === sessions[1], isKept: await isThere(bench, id) };
}

async function nested(bench: Bench): Promise<Row> {
  const { database } = bench;
  const [kept, undone] = [bench.number(), bench.number()];
  const sessions: unknown[] = [];
  await database.transaction(async () => {
    await write(bench, kept);
    sessions.push(await sessionOf(bench));
    await database
      .transaction(
        async () => {
          await write(bench, undone);
          sessions.push(await sessionOf(bench));
          throw new Error(purpose);
        },
        { propagation: 'NESTED' },
      )
      .catch(unlessOnPurpose);
    await sessionOf(bench);
  }, options(bench));
  return required(
    'NESTED',
    [
      ...(sessions[0] === sessions[1] ? [] : ['it ran in another session']),
      ...((await isThere(bench, undone)) === true ? ['what it wrote was not undone'] : []),
      ...((await isThere(bench, kept)) === false ? ['it has undone more than its own writes'] : []),
    ],
    'Is undone alone, by a savepoint',
  );
}

async function never(bench: Bench): Promise<Row> {
  const { database } = bench;
  const inner = (): Promise<unknown> => database.transaction(() => sessionOf(bench), { propagation: 'NEVER' });
  const code = await refusalOf(() => database.transaction(inner, options(bench)));
  const alone = await inner();
  return required(
    'NEVER',
    [
      ...(code === 'TRANSACTION_NOT_ALLOWED' ? [] : ['inside a transaction it was not refused']),
      ...(alone === undefined ? ['outside it gave no answer'] : []),
    ],
    'Is refused inside a transaction',
  );
}

function options({ signal, isReadOnly }: Bench): { readonly signal: AbortSignal; readonly readOnly: boolean } {
  return { signal, readOnly: isReadOnly };
}

async function write({ database, item }: Bench, id: number): Promise<void> {
  if (item !== undefined) await database.query(sql`insert into ${item} (id, stock) values (${id}, 0)`);
}

async function isThere({ database, item }: Bench, id: number): Promise<boolean | undefined> {
  if (item === undefined) return undefined;
  return (await database.query(sql`select id from ${item} where id = ${id}`)).rows.length > 0;
}

async function refusalOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const code = SluiceError.find(error)?.code;
    if (code === undefined) throw error;
    return code;
  }
}

function unlessOnPurpose(error: unknown): void {
  if (!(error instanceof Error) || error.message !== purpose) throw error;
}
