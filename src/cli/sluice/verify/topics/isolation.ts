import { type IsolationLevel, SluiceError, sql, type Sql } from '../../../../index.ts';
import { Actor } from '../bench/actor.ts';
import type { Bench, Topic } from '../bench/bench.ts';
import { notApplicable, required, type Row } from '../row.ts';

type Anomaly = 'dirty read' | 'non-repeatable read' | 'phantom' | 'lost update' | 'write skew';
type Level = Exclude<IsolationLevel, 'DEFAULT'>;

/** Two transactions, and two rows with a stock of 10 and 20. */
interface Stage {
  readonly one: Actor;
  readonly two: Actor;
  /** The stock that an actor sees: there later where it has to wait for a lock. */
  readonly read: (actor: Actor, which: 0 | 1) => Promise<{ stock: number | undefined }>;
  readonly set: (actor: Actor, which: 0 | 1, stock: number) => Promise<void>;
  /** How many rows have the stock of neither. */
  readonly others: (actor: Actor) => Promise<{ count: number | undefined }>;
  readonly addOther: (actor: Actor) => Promise<void>;
}

/** Schedules of the literature (Adya, Hermitage): each says whether its anomaly came about. */
const schedules: Readonly<Record<Anomaly, (stage: Stage) => Promise<boolean>>> = {
  async 'dirty read'({ one, two, read, set }) {
    await set(one, 0, 11);
    const reading = await read(two, 0);
    await one.end('rollback');
    await end(two);
    return reading.stock === 11;
  },
  async 'non-repeatable read'({ one, two, read, set }) {
    const first = await read(one, 0);
    await set(two, 0, 12);
    await two.end('commit');
    const second = await read(one, 0);
    await end(one, two);
    return first.stock === 10 && second.stock === 12;
  },
  async phantom({ one, two, others, addOther }) {
    const first = await others(one);
    await addOther(two);
    await two.end('commit');
    const second = await others(one);
    await end(one, two);
    return first.count === 0 && second.count === 1;
  },
  async 'lost update'({ one, two, read, set }) {
    const [ofOne, ofTwo] = [await read(one, 0), await read(two, 0)];
    await set(one, 0, 11);
    await set(two, 0, 12);
    return (await end(one, two)) && ofOne.stock === 10 && ofTwo.stock === 10;
  },
  async 'write skew'({ one, two, read, set }) {
    const [ofOne, ofTwo] = [await read(one, 1), await read(two, 0)];
    await set(one, 0, 11);
    await set(two, 1, 21);
    return (await end(one, two)) && ofOne.stock === 20 && ofTwo.stock === 10;
  },
};
const anomalies = Object.keys(schedules) as readonly Anomaly[];

const committed: readonly Anomaly[] = ['non-repeatable read', 'phantom', 'lost update', 'write skew'];
/** What each engine may let happen at each level. */
const allowed: Readonly<Record<Bench['kind'], Readonly<Record<Level, readonly Anomaly[]>>>> = {
  postgres: {
    READ_UNCOMMITTED: committed,
    READ_COMMITTED: committed,
    REPEATABLE_READ: ['write skew'],
    SNAPSHOT: ['write skew'],
    SERIALIZABLE: [],
  },
  mysql: {
    READ_UNCOMMITTED: anomalies,
    READ_COMMITTED: committed,
    REPEATABLE_READ: ['lost update', 'write skew'],
    SNAPSHOT: ['write skew'],
    SERIALIZABLE: [],
  },
};

/** Which anomalies come about at each isolation level, found by two transactions that are really interleaved. */
export const isolation: Topic = {
  name: 'Isolation',
  async run(bench) {
    const rows: Row[] = [];
    for (const level of Object.keys(allowed[bench.kind]) as Level[]) rows.push(await rowOf(bench, level));
    return rows;
  },
};

async function rowOf(bench: Bench, level: Level): Promise<Row> {
  const name = level.replaceAll('_', ' ');
  if (!bench.hasSessions) return notApplicable(name, 'It needs a second session');
  if (bench.item === undefined) return notApplicable(name, bench.withoutItem);
  const came: Anomaly[] = [];
  try {
    await bench.database.transaction(() => bench.database.query('select 1'), { isolationLevel: level });
  } catch (error) {
    if (SluiceError.find(error)?.code !== 'UNSUPPORTED_ISOLATION') throw error;
    return notApplicable(name, 'This engine has no such level');
  }
  for (const anomaly of anomalies) if (await play(bench, level, { item: bench.item, anomaly })) came.push(anomaly);
  const wrong = came.filter((anomaly) => !allowed[bench.kind][level].includes(anomaly));
  const kept = anomalies.filter((anomaly) => !came.includes(anomaly));
  return required(
    name,
    wrong.map((anomaly) => `${anomaly} came about, which this level keeps out`),
    came.length === 0 ? 'Keeps out all five' : `Keeps out ${list(kept)}; lets through ${list(came)}`,
  );
}

async function play(
  bench: Bench,
  isolationLevel: Level,
  { item, anomaly }: { readonly item: Sql; readonly anomaly: Anomaly },
): Promise<boolean> {
  const { database, signal, roundTrip } = bench;
  bench.signal.throwIfAborted();
  const ids = [bench.number(), bench.number()] as const;
  const other = bench.number();
  await database.query(sql`insert into ${item} (id, stock) values (${ids[0]}, 10), (${ids[1]}, 20)`);
  const options = { isolationLevel, signal, patience: Math.max(100, 4 * roundTrip + 50) };
  const [one, two] = [new Actor(database, options), new Actor(database, options)];
  const stage: Stage = {
    one,
    two,
    async read(actor, which) {
      const reading: { stock: number | undefined } = { stock: undefined };
      await actor.tell(async () => {
        const { rows } = await database.query(
          sql<{ stock: number }>`select stock from ${item} where id = ${ids[which]}`,
        );
        reading.stock = rows[0]?.stock;
      });
      return reading;
    },
    set: (actor, which, stock) =>
      actor.tell(() => database.query(sql`update ${item} set stock = ${stock} where id = ${ids[which]}`)),
    async others(actor) {
      const reading: { count: number | undefined } = { count: undefined };
      await actor.tell(async () => {
        reading.count = (await database.query(sql`select id from ${item} where stock = ${other}`)).rows.length;
      });
      return reading;
    },
    addOther: (actor) =>
      actor.tell(() => database.query(sql`insert into ${item} (id, stock) values (${other}, ${other})`)),
  };
  try {
    return await schedules[anomaly](stage);
  } finally {
    await Promise.all([one.end('rollback'), two.end('rollback')]);
    await Promise.all([one.committed(), two.committed()]);
  }
}

/** Commits, one after the other. @returns whether all have committed */
async function end(...actors: readonly Actor[]): Promise<boolean> {
  for (const actor of actors) await actor.end('commit');
  return (await Promise.all(actors.map((actor) => actor.committed()))).every(Boolean);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
