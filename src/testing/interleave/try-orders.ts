import type { TransactionalClient } from '../../connection/index.ts';
import type { LockProbe } from '../../driver/index.ts';
import type { Anomaly } from './anomaly.ts';
import { InterleaveActorError, InterleaveSetupError } from './errors.ts';
import { Frontier, switchesIn } from './frontier.ts';
import { Gate } from './gate.ts';
import type { InterleaveOptions } from './options.ts';
import { type OrderRun, runOrder, type Stage } from './order.ts';
import { pairIn } from './pair.ts';
import type { Passage } from './passage.ts';
import { InterleaveReport } from './report.ts';
import { endsOf, stepsOf } from './timeline.ts';

/** Runs the actors in one order after the other. */
export async function tryOrders(
  clients: readonly TransactionalClient[],
  options: InterleaveOptions,
): Promise<InterleaveReport> {
  const gate = new Gate();
  const probes = new Map<TransactionalClient, Promise<LockProbe | undefined>>();
  for (const client of clients) client.pool.tap = (connection) => gate.stand(client, connection);
  const end = new AbortController();
  const stage: Stage = {
    gate,
    bodies: options.actors,
    timeout: options.timeout ?? 10_000,
    check: refuseSchemaChange,
    async blockersOf(client, backend, suspects) {
      const opening = probes.get(client) ?? Promise.resolve(client.driver.openLockProbe?.(end.signal));
      probes.set(client, opening);
      return (await (await opening)?.blockersOf(backend, suspects)) ?? { blockers: [], relation: undefined };
    },
    isConnecting: () => clients.some(({ pool }) => pool.stats().opening > 0),
    abort(error) {
      for (const { work } of clients) for (const each of work) each.abort(error);
    },
  };
  try {
    return await new Trial(stage, options, clients).run();
  } finally {
    for (const { pool } of clients) pool.tap = undefined;
    end.abort(new Error('all orders were tried'));
    for (const opening of probes.values()) await opening.then((probe) => probe?.close()).catch(() => undefined);
  }
}

class Trial {
  readonly #stage: Stage;
  readonly #options: InterleaveOptions;
  readonly #clients: readonly TransactionalClient[];
  readonly #anomalies = new Map<string, Anomaly>();
  readonly #notes = new Set<string>();
  readonly #counts = { orders: 0, deadlocks: 0, serializationFailures: 0, waits: 0, anomalous: 0 };

  constructor(stage: Stage, options: InterleaveOptions, clients: readonly TransactionalClient[]) {
    this.#stage = stage;
    this.#options = options;
    this.#clients = clients;
  }

  async run(): Promise<InterleaveReport> {
    const { maxSchedules = 1_000, maxRuntime = 60_000, maxAnomalies = 1, actors } = this.#options;
    const frontier = new Frontier();
    const until = performance.now() + maxRuntime;
    const isWithin = (): boolean =>
      this.#counts.orders < maxSchedules && this.#anomalies.size < maxAnomalies && performance.now() < until;
    while (isWithin()) {
      const prefix = frontier.next();
      if (prefix === undefined) break;
      await this.#setUp();
      const run = await runOrder(this.#stage, prefix);
      this.#counts.orders += 1;
      frontier.branch(prefix, run.choices);
      this.#note(run);
      await this.#judge(run);
    }
    return new InterleaveReport({
      ...this.#counts,
      actors: Object.keys(actors),
      untried: frontier.size,
      anomalies: [...this.#anomalies.values()],
      notes: [...this.#notes],
    });
  }

  async #setUp(): Promise<void> {
    try {
      await this.#options.setup();
    } catch (cause) {
      const { orders } = this.#counts;
      const isFirst = orders === 0;
      throw new InterleaveSetupError({
        what: isFirst ? 'The setup failed' : `The setup failed before order ${orders + 1}, after it had gone well`,
        remedy: isFirst
          ? 'See the cause'
          : 'Let it begin anew each time: empty the tables that it and the actors write, and then insert',
        cause,
      });
    }
  }

  #note(run: OrderRun): void {
    const sent = new Set(run.passages.map(({ actor }) => actor.name));
    const silent = Object.keys(this.#options.actors).find((name) => !sent.has(name));
    if (silent !== undefined) throw sentNothing(silent, run);
    const failures = new Set(run.passages.map(({ exchange }) => exchange?.failure?.kind));
    if (failures.has('deadlock')) this.#counts.deadlocks += 1;
    if (failures.has('serialization')) this.#counts.serializationFailures += 1;
    if (run.passages.some(({ blockedBy }) => blockedBy.length > 0)) this.#counts.waits += 1;
    for (const name of run.slow)
      this.#notes.add(`${name} waited for more than its statements: others went on, so that not all orders were tried`);
    if (run.hasDiverged)
      this.#notes.add('Actors sent other statements than before: not all orders could be tried again');
  }

  async #judge(run: OrderRun): Promise<void> {
    try {
      await this.#options.invariant();
    } catch (error) {
      const { kind, pair } = pairIn(run);
      this.#found({ found: 'the invariant does not hold', kind, pair, error }, run);
    }
  }

  #found(found: Pick<Anomaly, 'found' | 'kind' | 'pair' | 'error'>, run: OrderRun): void {
    this.#counts.anomalous += 1;
    const key = `${found.kind} ${found.found} ${found.pair?.inWords ?? ''}`;
    if (this.#anomalies.has(key)) return;
    const [client] = this.#clients;
    const steps = stepsOf(run, (text) => client?.show(text) ?? '');
    this.#anomalies.set(key, { ...found, switches: switchesIn(run.choices), steps, ends: endsOf(run) });
  }
}

function sentNothing(name: string, run: OrderRun): InterleaveActorError {
  const end = run.ends[name];
  return new InterleaveActorError({
    what: `The actor "${name}" has ended without a statement on this database`,
    remedy:
      'Bind its library to the database (see the page of the library), so that its statements can be put in an order',
    cause: end?.type === 'threw' ? end.error : undefined,
  });
}

const schemaChange = /^\s*(?:create|alter|drop|rename|truncate|grant|revoke|vacuum|reindex)\b(?!\s+(?:local\s+)?temp)/i;

/** @throws InterleaveActorError */
function refuseSchemaChange({ actor, statements, place }: Passage): void {
  const found = statements.find(({ text }) => schemaChange.test(text));
  if (found === undefined) return;
  const verb = schemaChange.exec(found.text)?.[0].trim().toUpperCase();
  throw new InterleaveActorError({
    what: `The actor "${actor.name}" changes the schema (${verb}${place === undefined ? '' : ` at ${place}`}), which no setup takes back`,
    remedy: 'Make the tables before interleave is called',
  });
}
