import type { TransactionalClient } from '../../connection/index.ts';
import type { Anomaly, AnomalyKind } from './anomaly.ts';
import { inTime } from '../in-time.ts';
import { InterleaveActorError, InterleaveSetupError } from './errors.ts';
import { SerialJudge, type Tables } from './judge/index.ts';
import type { InterleaveOptions } from './options.ts';
import {
  areMoreServed,
  type EndsOfOrder,
  type FoundPair,
  isSameTable,
  pairIn,
  type Places,
  plainReadsIn,
  type Schemas,
  skippedIn,
} from './kinds/index.ts';
import { playedIn } from './played.ts';
import type { Findings } from './findings.ts';
import { endsOf, stepsOf } from './timeline.ts';
import { type Finding, findingOf, findingOfInvariant } from './finding.ts';
import { areInterleaved, explanationOf } from './serial-anomaly.ts';
import type { Commuting } from './commuting/index.ts';
import {
  Frontier,
  mostOrdersOf,
  type OrderRun,
  runOrder,
  runSerially,
  type Stage,
  switchesIn,
} from './orders/index.ts';

/** How often an order is tried again that went another way than before. */
const mostFailures = 3;

/** What a trial knows of the databases. */
export interface Judged {
  readonly clients: readonly TransactionalClient[];
  /** What is compared where there is no invariant. */
  readonly tables: Tables | undefined;
  /** What can be known about exchanges without trying both orders, once a setup has run. */
  readonly commuting: () => Promise<Commuting>;
  /** Which tables the names in statements mean, once a setup has run. */
  readonly schemas: () => Promise<Schemas>;
}

/** Up to so many orders are all tried: what is known to commute is known of the database alone. */
const few = 100;

/** Tries the orders, and has what comes of each judged. */
export class Trial {
  readonly #stage: Stage;
  readonly #options: InterleaveOptions;
  readonly #clients: readonly TransactionalClient[];
  readonly #commuting: () => Promise<Commuting>;
  readonly #schemas: () => Promise<Schemas>;
  readonly #serial: EndsOfOrder[] = [];
  readonly #anomalies = new Map<string, Anomaly>();
  readonly #notes = new Set<string>();
  readonly #judge: SerialJudge | undefined;
  #hasBegun = false;
  readonly #returned = new Set<string>();
  readonly #reads = new Map<string, Places>();
  #hasBetween = false;
  readonly #counts = { orders: 0, interleaved: 0, deadlocks: 0, serializationFailures: 0, waits: 0, anomalous: 0 };

  constructor(stage: Stage, options: InterleaveOptions, { clients, tables, commuting, schemas }: Judged) {
    this.#stage = stage;
    this.#options = options;
    this.#clients = clients;
    this.#commuting = commuting;
    this.#schemas = schemas;
    if (tables === undefined) return;
    this.#judge = new SerialJudge(Object.keys(options.actors), tables, {
      setUp: () => this.#setUp(),
      play: async (order) => {
        const run = await runSerially(stage, order);
        this.#noteSerial(run);
        return playedIn(run);
      },
    });
  }

  /** The actors that have returned in some order. */
  get returned(): ReadonlySet<string> {
    return this.#returned;
  }

  /** The plain reads of orders that went wrong, with their places. */
  get reads(): ReadonlyMap<string, Places> {
    return this.#reads;
  }

  async run(): Promise<Findings> {
    const { maxSchedules = 1_000, maxRuntime = 60_000, maxAnomalies = 1, actors } = this.#options;
    const frontier = new Frontier();
    let isReducing = this.#options.reduce;
    let hasLeftOut = false;
    const until = performance.now() + maxRuntime;
    const isWithin = (): boolean =>
      this.#counts.orders < maxSchedules && this.#anomalies.size < maxAnomalies && performance.now() < until;
    await this.#judge?.begin();
    while (isWithin()) {
      const beginning = frontier.next();
      if (beginning === undefined) break;
      await this.#setUp();
      const commuting = isReducing === false ? undefined : await this.#commuting();
      const run = await runOrder(this.#stage, beginning, commuting?.areIndependent);
      // The server may choose another transaction to end a deadlock than before, if the machine is busy.
      if (run.hasDiverged && beginning.failed < mostFailures) {
        frontier.again(beginning);
        await this.#lookAt(run);
        continue;
      }
      this.#counts.orders += 1;
      isReducing ??= mostOrdersOf(run) > few;
      if (isReducing && run.hasLeftOut) hasLeftOut = true;
      frontier.branch(run.choices, isReducing);
      this.#note(run);
      await this.#lookAt(run);
    }
    return {
      ...this.#counts,
      actors: Object.keys(actors),
      untried: frontier.size,
      hasBetween: this.#hasBetween,
      isReduced: hasLeftOut,
      anomalies: [...this.#anomalies.values()],
      notes: [...this.#notes],
      notCompared: this.#judge?.notCompared ?? [],
    };
  }

  async #setUp(): Promise<void> {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    const { setup, timeout: milliseconds = 10_000 } = this.#options;
    const hung = hanging('setup', milliseconds, isFirst ? '' : `, before order ${this.#counts.orders + 1}`);
    try {
      await inTime(setup, { milliseconds, clients: this.#clients, late: () => hung });
    } catch (cause) {
      if (cause === hung) throw hung;
      throw new InterleaveSetupError({
        what: isFirst
          ? 'The setup failed'
          : `The setup failed before order ${this.#counts.orders + 1}, after it had gone well`,
        remedy: isFirst
          ? 'See the cause'
          : 'Let it begin anew each time: empty the tables that it and the actors write, and then insert',
        cause,
      });
    }
  }

  #note(run: OrderRun): void {
    const turns = turnsOf(run);
    const sent = new Set(turns);
    if (areInterleaved(turns)) this.#counts.interleaved += 1;
    else this.#noteSerial(run);
    if (turns.length > sent.size) this.#hasBetween = true;
    const silent = Object.keys(this.#options.actors).find((name) => !sent.has(name));
    if (silent !== undefined) throw sentNothing(silent, run, this.#heldSince());
    for (const [name, { type }] of Object.entries(run.ends)) if (type === 'returned') this.#returned.add(name);
    const failures = new Set(run.passages.map(({ exchange }) => exchange?.failure?.kind));
    if (failures.has('deadlock')) this.#counts.deadlocks += 1;
    if (failures.has('serialization')) this.#counts.serializationFailures += 1;
    if (run.passages.some(({ blockedBy }) => blockedBy.length > 0)) this.#counts.waits += 1;
    for (const name of run.slow)
      this.#notes.add(`${name} waited for more than its statements: others went on, so that not all orders were tried`);
    const [stray] = run.strays;
    if (stray !== undefined)
      this.#notes.add(
        `Statements came in between that no actor sent, the first at ${stray}: not all orders of them were tried`,
      );
    if (run.hasDiverged)
      this.#notes.add('Actors sent other statements than before: not all orders could be tried again');
  }

  /** Notes how actors end that run one after the other, all of them. */
  #noteSerial(run: OrderRun): void {
    const [first] = turnsOf(run);
    const isOfAll = Object.keys(run.ends).length === Object.keys(this.#options.actors).length;
    if (isOfAll) this.#serial.push({ first, ends: run.ends });
  }

  /** Where a connection was taken that is in use after the actors have ended. */
  #heldSince(): string | undefined {
    for (const { pool } of this.#clients) {
      const { used, oldestHolder } = pool.stats();
      if (used > 0) return oldestHolder?.openedAt ?? 'an unknown place';
    }
    return undefined;
  }

  async #lookAt(run: OrderRun): Promise<void> {
    const { invariant } = this.#options;
    if (this.#judge === undefined) {
      const finding = invariant && (await findingOfInvariant(() => this.#within(invariant)));
      if (finding !== undefined) await this.#found(finding, run, await this.#pairIn(run));
      return;
    }
    const verdict = await this.#judge.judge(playedIn(run));
    if (verdict.type === 'uncompared') throw comparesNothing(this.#judge.notCompared);
    if (verdict.type === 'anomaly') await this.#lookAtDifference(findingOf(verdict.difference, run), run);
    if (verdict.type === 'unjudged')
      this.#notes.add(
        `${verdict.actors.join(', ')} was refused something and has committed something else all the same: what came of it was not compared`,
      );
  }

  async #pairIn(run: OrderRun): Promise<FoundPair> {
    return await pairIn(run, {
      schemas: await this.#schemas(),
      setUp: () => this.#setUp(),
      areMoreServed: areMoreServed(run.ends, this.#serial),
    });
  }

  /** What comes of rows that were skipped is no anomaly, unless the statements show one of other rows. */
  async #lookAtDifference(finding: Finding, run: OrderRun): Promise<void> {
    const pair = await this.#pairIn(run);
    const schemas = await this.#schemas();
    const skipped = skippedIn(run, schemas);
    const queues = skipped.flatMap(({ tables }) => tables);
    const isBeside =
      overwrites.has(pair.kind) && !queues.some((queue) => pair.table !== undefined && isSameTable(queue, pair.table));
    if (skipped.length === 0 || isBeside) {
      await this.#found(finding, run, pair);
      return;
    }
    const actors = [...new Set(skipped.map(({ actor }) => actor))].toSorted();
    this.#notes.add(
      `${actors.join(', ')} got fewer rows from SKIP LOCKED than asked for: orders in which this comes to something else were not compared`,
    );
  }

  /** Asks the invariant. @throws InterleaveSetupError where it does not end */
  async #within(invariant: () => unknown): Promise<unknown> {
    const { timeout: milliseconds = 10_000 } = this.#options;
    const late = (): Error => hanging('invariant', milliseconds, `, after order ${this.#counts.orders}`);
    return await inTime(invariant, { milliseconds, clients: this.#clients, late });
  }

  async #found({ what, ...finding }: Finding, run: OrderRun, { kind, pair, table }: FoundPair): Promise<void> {
    this.#counts.anomalous += 1;
    const key = `${kind} ${what} ${pair?.inWords ?? ''}`;
    if (this.#anomalies.has(key)) return;
    for (const [text, places] of plainReadsIn(run, await this.#schemas(), table))
      this.#reads.set(text, new Set([...(this.#reads.get(text) ?? []), ...places]));
    const [client] = this.#clients;
    const steps = stepsOf(run, (text) => client?.show(text) ?? '');
    const explanation = explanationOf(steps, this.#judge === undefined);
    const switches = switchesIn(run.choices);
    this.#anomalies.set(key, { ...finding, kind, pair, switches, steps, explanation, ends: endsOf(run) });
  }
}

/** Kinds in which two have written one row. */
const overwrites: ReadonlySet<AnomalyKind> = new Set(['lost update', 'oversell']);

function turnsOf({ passages }: OrderRun): readonly string[] {
  return passages.map(({ actor }) => actor.name);
}

function hanging(what: 'setup' | 'invariant', milliseconds: number, when: string): InterleaveSetupError {
  return new InterleaveSetupError({
    what: `The ${what} has not ended within ${milliseconds} ms${when}`,
    remedy:
      'Let it await nothing that only comes from outside, nor a lock that is held. For a slow one raise "timeout"',
  });
}

function comparesNothing(tables: readonly string[]): InterleaveSetupError {
  return new InterleaveSetupError({
    what: `Nothing can be compared: two runs of one serial order leave different rows in ${tables.join(', ')}`,
    remedy:
      'Let the setup empty these tables and insert the same rows each time, name the tables that matter in "tables", or give an "invariant"',
  });
}

function sentNothing(name: string, run: OrderRun, heldSince: string | undefined): InterleaveActorError {
  const end = run.ends[name];
  const [stray] = run.strays;
  return new InterleaveActorError({
    what: `The actor "${name}" has ended without a statement on this database${stray === undefined ? '' : `, while one came from ${stray} that no actor sent`}`,
    remedy: remedyFor(stray, heldSince),
    cause: end?.type === 'threw' ? end.error : undefined,
  });
}

function remedyFor(stray: string | undefined, heldSince: string | undefined): string {
  if (stray !== undefined)
    return 'Call in the actor what does the work: that of a job or of something in the background is not followed';
  if (heldSince !== undefined)
    return `Let each actor take its connection itself: one that was taken before, at ${heldSince}, is in use`;
  return 'Bind its library to the database (see the page of the library), so that its statements can be put in an order';
}
