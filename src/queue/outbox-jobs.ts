import { runInFrame } from '../context/index.ts';
import { type Database, type Db, internalsOf } from '../database/index.ts';
import { invalidContext } from '../envelope/index.ts';
import {
  addToOutbox,
  createRelay,
  findInInbox,
  OutboxMissingError,
  type OutboxMessage,
  type Relay,
  RelayUnavailableError,
} from '../outbox/index.ts';
import type { EngineJob, JobOutcome, JobReference, QueueEngine } from './engine/index.ts';
import type { EngineRuntime } from './engine-runtime.ts';

/** Jobs that leave through the outbox of a client, and answers that are in its inbox. */
export class OutboxJobs {
  /** The client whose transactions can hold jobs of the engine. */
  readonly clientName: string;
  readonly #database: Database;
  readonly #runtime: EngineRuntime;
  readonly #mayRelay: boolean;
  readonly #relays = new Map<string, Relay>();

  /** @param mayRelay whether this process relays the outbox */
  constructor(database: Database, runtime: EngineRuntime, mayRelay: boolean) {
    this.clientName = engineClientName(database, runtime.engine);
    this.#database = database;
    this.#runtime = runtime;
    this.#mayRelay = mayRelay;
  }

  /** Lets a job leave with the commit of the transaction that is open for `db`. */
  async add(db: Db, job: EngineJob, key: string | undefined): Promise<void> {
    const { envelope, ...rest } = job;
    const { context, ...bare } = envelope;
    const payload = { ...rest, envelope: bare };
    await addToOutbox(db, [{ channel: this.#channel, id: job.id, queue: job.queue, key, payload, context }]);
    const relay = this.#relayFor(db);
    db.commit(() => relay?.poke());
  }

  /** Relays the outbox of the engine's client from now on, if the engine needs one. */
  start(): void {
    if (this.#runtime.engine.capabilities.enqueue !== 'outbox') return;
    this.#relayFor(this.#database.getDb({ clientName: this.clientName }));
  }

  /** Stops the relays. @param timeout how long a delivery that is under way may take, in milliseconds */
  async stop(timeout: number): Promise<void> {
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop({ timeout })));
  }

  get #channel(): string {
    return `jobs/${this.#runtime.engine.name}`;
  }

  #relayFor({ clientName }: Db): Relay | undefined {
    const known = this.#relays.get(clientName);
    // What runs on while the database is closed may still push: another process relays it.
    if (known !== undefined || !this.#mayRelay || internalsOf(this.#database).isClosed()) return known;
    const relay = createRelay(this.#database, {
      clientName,
      channel: this.#channel,
      deliver: (messages) => this.#deliver(messages),
    });
    this.#relays.set(clientName, relay);
    relay.start();
    return relay;
  }

  async #deliver(messages: readonly OutboxMessage[]): Promise<void> {
    const { engine, maxLevel } = this.#runtime;
    const jobs = messages.map((message) => jobOf(message, maxLevel));
    try {
      await this.#runtime.started();
      await this.#runtime.within(engine.add(jobs));
    } catch (cause) {
      throw new RelayUnavailableError({
        what: `The queue engine ${engine.name} took no jobs`,
        remedy: 'They stay in the outbox and are tried again. Check that its server runs',
        cause,
      });
    }
  }
}

/** The client whose transactions can hold jobs of the engine. */
export function engineClientName(database: Database, engine: QueueEngine): string {
  return engine.clientName ?? internalsOf(database).defaultClientName;
}

/** Outcomes that the inbox holds; none for engines that acknowledge in the transaction itself. */
export async function findRecorded(
  database: Database,
  engine: QueueEngine,
  jobs: readonly JobReference[],
): Promise<ReadonlyMap<string, JobOutcome>> {
  const { capabilities } = engine;
  const found = new Map<string, JobOutcome>();
  if (capabilities.transactionalAck || !capabilities.redelivers) return found;
  const { maxLevel: level } = internalsOf(database);
  const db = database.getDb({ clientName: engineClientName(database, engine), level });
  for (const [queue, group] of Map.groupBy(jobs, (job) => job.queue)) {
    const ids = group.map(({ id }) => id);
    const recorded = await runInFrame(undefined, () => recordedOutcomes(db, queue, ids), undefined);
    for (const [id, outcome] of recorded) found.set(id, outcome);
  }
  return found;
}

/** How jobs of a queue ended whose effects have committed, by their id, as the inbox holds it. */
export async function recordedOutcomes(
  db: Db,
  queue: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, JobOutcome>> {
  try {
    const found = await findInInbox(db, queue, ids);
    return new Map([...found].map(([id, outcome]) => [id, JSON.parse(outcome) as JobOutcome]));
  } catch (error) {
    // Where there is no inbox, no job has written anything.
    if (error instanceof OutboxMissingError) return new Map();
    throw error;
  }
}

/** A job as the outbox kept it. @throws InvalidContextError */
function jobOf({ id, queue, payload, context }: OutboxMessage, maxLevel: number): EngineJob {
  const { envelope, ...job } = (payload ?? {}) as Partial<EngineJob>;
  const { level } = job;
  if (job.id !== id || job.queue !== queue || envelope === undefined) throw invalidContext('a message is no job');
  if (typeof level !== 'number' || !(level >= 0 && level <= maxLevel)) throw invalidContext('a job has no level');
  return { ...(job as Omit<EngineJob, 'envelope'>), envelope: { ...envelope, context } };
}
