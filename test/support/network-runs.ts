import { AfterCommitError, CommitUnknownError, type Database } from '../../src/index.ts';
import { type Direction, type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts';

export type TestDatabase = Database<'default'>;

/** A way to write rows of `trace`. */
export interface Kind {
  readonly name: string;
  /** How many rows it leaves when it has committed. */
  readonly rows: number;
  /** It has no transaction, and so no hooks, and a lost connection leaves open what became of it. */
  readonly isAlone?: boolean;
  /** Nothing of the program runs inside of it. */
  readonly isHookless?: boolean;
  run(database: TestDatabase, id: number, run: RunOptions): Promise<unknown>;
}

export interface RunOptions {
  /** Registers hooks where the transaction is ambient. */
  readonly noteHooks: () => void;
  /** Of the transaction in milliseconds. */
  readonly timeout: number | undefined;
}

/** A database behind a proxy of its own, on which one run is made at a time. */
export interface Line {
  readonly proxy: FaultProxy;
  readonly database: TestDatabase;
}

/** What a run was told, and how it was disturbed. */
export interface Told {
  readonly id: number;
  readonly kind: Kind;
  readonly fault: string;
  readonly outcome: 'committed' | 'rolledBack' | 'unknown' | 'hangs';
  readonly error: unknown;
  readonly hooks: readonly string[];
  readonly milliseconds: number;
}

/** How a run is disturbed. */
export interface Damage {
  readonly direction: Direction;
  readonly fault: Fault;
  /** Of the run in milliseconds, where the fault ends nothing by itself. */
  readonly timeout?: number | undefined;
}

/** How long a run may take that has no timeout of its own: nothing in it waits for anything but the network. */
const longest = 15_000;
let lastId = 0;

export async function openLine(url: string, open: (url: string) => TestDatabase): Promise<Line> {
  const proxy = await startFaultProxy(url);
  return { proxy, database: open(proxy.url) };
}

/** Runs a kind twice without a fault, so that a connection is open and has prepared its statements. @returns the bytes of the second */
export async function warm({ proxy, database }: Line, kind: Kind): Promise<Record<Direction, number>> {
  for (const _ of [1, 2]) {
    proxy.set('up', undefined);
    proxy.set('down', undefined);
    await runKind(database, kind, '', undefined);
  }
  return { up: proxy.seen('up'), down: proxy.seen('down') };
}

/** Runs a kind while its line is damaged, and repairs that. */
export async function runDamaged(
  { proxy, database }: Line,
  kind: Kind,
  { direction, fault, timeout }: Damage,
): Promise<Told> {
  proxy.set(direction, fault);
  const told = await runKind(database, kind, `${direction} ${describe(fault)}`, timeout);
  proxy.set(direction, undefined);
  // Garbage may look like the beginning of an answer, which would be waited for in vain.
  if (fault.type === 'replace') proxy.cut();
  return told;
}

async function runKind(database: TestDatabase, kind: Kind, fault: string, timeout: number | undefined): Promise<Told> {
  lastId += 1;
  const id = lastId;
  const hooks: string[] = [];
  const noteHooks = (): void => {
    database.current.commit(() => hooks.push('commit'));
    database.current.compensate(() => hooks.push('compensate'));
    database.current.afterCompletion((outcome) => hooks.push(outcome));
  };
  const began = performance.now();
  const { outcome, error } = await withinLimit(kind.run(database, id, { noteHooks, timeout }));
  return { id, kind, fault, outcome, error, hooks, milliseconds: performance.now() - began };
}

async function withinLimit(run: Promise<unknown>): Promise<Pick<Told, 'outcome' | 'error'>> {
  const hangs = Promise.withResolvers<Pick<Told, 'outcome' | 'error'>>();
  const timer = setTimeout(() => hangs.resolve({ outcome: 'hangs', error: undefined }), longest);
  const ended = run.then(
    () => ({ outcome: 'committed', error: undefined }) as const,
    (error: unknown) => ({ outcome: toldBy(error), error }),
  );
  const told = await Promise.race([ended, hangs.promise]);
  clearTimeout(timer);
  return told;
}

function toldBy(error: unknown): 'committed' | 'rolledBack' | 'unknown' {
  if (error instanceof CommitUnknownError) return 'unknown';
  return error instanceof AfterCommitError ? 'committed' : 'rolledBack';
}

/** What is wrong with a run, whose rows were counted when nothing ran any more. */
export function wrongOf(told: Told, rows: number): string | undefined {
  const { kind, outcome, hooks, error, fault, id } = told;
  const said = `${kind.name} (run ${id}), ${fault}: told ${outcome}${codeOf(error)}, ${rows} rows, hooks ${hooks.join(' ')}`;
  if (outcome === 'hangs') return said;
  if (outcome === 'committed' && rows !== kind.rows) return said;
  if (outcome === 'rolledBack' && rows !== 0 && kind.isAlone !== true) return said;
  if (rows !== 0 && rows !== kind.rows) return said;
  if (outcome !== 'committed' && codeOf(error) === '') return said;
  return kind.isAlone === true || kind.isHookless === true || hooks.join(' ') === hooksOf[outcome] ? undefined : said;
}

const hooksOf = { committed: 'commit committed', rolledBack: 'compensate rolledBack', unknown: 'unknown' } as const;

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  // mysql2 has no name for a number that it does not know.
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown };
  return typeof code === 'string' && code !== '' ? ` ${code}` : typeof errno === 'number' ? ` ${errno}` : '';
}

function describe(fault: Fault): string {
  return Object.entries(fault)
    .map(([name, value]) =>
      name === 'type' ? String(value) : `${name} ${Buffer.isBuffer(value) ? value.toString('hex') : value}`,
    )
    .join(' ');
}

/** So many places, from the first byte to the last. */
export function places(bytes: number, count: number): readonly number[] {
  return [...new Set(Array.from({ length: count }, (_, at) => Math.floor((at * bytes) / count)))];
}

/** Does all jobs, each on a line that is free. */
export async function onLines<Result>(
  lines: readonly Line[],
  jobs: readonly ((line: Line) => Promise<Result>)[],
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const waiting = jobs.values();
  const work = async (line: Line): Promise<void> => {
    for (const job of waiting) results.push(await job(line));
  };
  await Promise.all(lines.map(work));
  return results;
}
