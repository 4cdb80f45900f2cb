// What is done to the shop, and after how many orders: the same for the same seed.
import { xorshift } from '../../test/checkers/random.ts';
import type { EngineName } from '../settings.ts';

/** What may be done, how often in comparison with the others, and for how long at most, in milliseconds; 0 where it is a moment. */
const kinds = {
  'kill a process': { weight: 5, most: 0 },
  'freeze a process': { weight: 3, most: 1_200 },
  'set a clock': { weight: 2, most: 0 },
  'cut the connections to the database': { weight: 2, most: 0 },
  'lose the answers to COMMITs': { weight: 5, most: 1_500 },
  'lose COMMITs': { weight: 4, most: 1_500 },
  'hold the answers of the database': { weight: 2, most: 900 },
  'refuse connections to the database': { weight: 1, most: 600 },
  'kill the sessions of the database': { weight: 2, most: 0 },
  'crash the database': { weight: 1, most: 600 },
  'hold the COMMITs of the database': { weight: 2, most: 600 },
  'lock a row': { weight: 2, most: 800 },
  'cut the connections to the caches': { weight: 2, most: 0 },
  'hold the answers of the caches': { weight: 1, most: 400 },
  'kill the server of the caches': { weight: 1, most: 300 },
  'empty the caches': { weight: 1, most: 0 },
  'cut the connections to the queues': { weight: 2, most: 0 },
  'hold the answers of the queues': { weight: 1, most: 600 },
} as const;

export type HarmKind = keyof typeof kinds;

export interface Harm {
  readonly kind: HarmKind;
  /** Orders that are placed between it and the one before: the harm is in proportion to the work, on a machine of any speed. */
  readonly after: number;
  /** Milliseconds that it lasts. */
  readonly length: number;
  /** From 0 to 1: which of those that it may be done to. */
  readonly target: number;
  /** From 0 to 1: how much, where that is not a time. */
  readonly by: number;
}

const ofServers: readonly HarmKind[] = [
  'cut the connections to the database',
  'lose the answers to COMMITs',
  'lose COMMITs',
  'hold the answers of the database',
  'refuse connections to the database',
  'kill the sessions of the database',
];
const ofOwnServers: readonly HarmKind[] = ['crash the database', 'hold the COMMITs of the database'];
const ofRedisQueues: readonly HarmKind[] = ['cut the connections to the queues', 'hold the answers of the queues'];

/**
 * What can be done on an engine: SQLite has no server, and the queues of PostgreSQL are in it.
 * @param hasOwnServer whether the database has a server of its own
 */
export function harmsOn(engine: EngineName, hasOwnServer: boolean): readonly HarmKind[] {
  const ofEngine = engine === 'sqlite' ? ofServers : engine === 'postgres' ? ofRedisQueues : [];
  const left: readonly HarmKind[] = hasOwnServer ? ofEngine : [...ofEngine, ...ofOwnServers];
  return (Object.keys(kinds) as HarmKind[]).filter((kind) => !left.includes(kind));
}

/** Harms without end. */
export function* plan(seed: number, engine: EngineName, hasOwnServer: boolean): Generator<Harm, never> {
  const random = xorshift(seed);
  const possible = harmsOn(engine, hasOwnServer);
  const all = possible.reduce((sum, kind) => sum + kinds[kind].weight, 0);
  for (;;) {
    let left = random() * all;
    const kind = possible.find((name) => (left -= kinds[name].weight) < 0) ?? 'kill a process';
    const { most } = kinds[kind];
    const after = 1 + Math.floor(random() * 40);
    yield { kind, after, length: Math.ceil(random() * most), target: random(), by: random() };
  }
}
