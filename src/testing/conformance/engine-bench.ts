import { randomUUID } from 'node:crypto';
import type {
  Delivery,
  EngineHost,
  EngineJob,
  EngineLane,
  JobOutcome,
  JobState,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
  SqlExecutor,
} from '../../queue/engine/index.ts';

/** An engine to be checked, with what its checks need of its surroundings. */
export interface EngineFixture {
  /** Makes engines that share their jobs, as two processes do. There are none at first. */
  readonly engine: QueueEngineFactory;
  /** Runs SQL for an engine that keeps its jobs in the database of the program. */
  readonly sql?: EngineHost['sql'] | undefined;
  /** Runs a body in a transaction, which commits, or is rolled back if the body throws; for engines whose jobs leave with it. */
  readonly transaction?: ((body: (via: SqlExecutor) => Promise<void>) => Promise<void>) | undefined;
  /** Ends what was made for the check, after the engines were closed. */
  readonly close?: (() => Promise<void>) | undefined;
}

/** An engine that was started, and what it has told. */
export interface OpenEngine {
  readonly processId: string;
  readonly engine: QueueEngine;
  readonly settled: Map<string, JobOutcome | undefined>;
  readonly progress: { readonly id: string; readonly value: unknown }[];
}

const maxLevel = 4;

/** Engines on which one check is made. */
export class EngineBench {
  readonly fixture: EngineFixture;
  readonly #opened: QueueEngine[] = [];
  readonly #lanes: EngineLane[] = [];

  constructor(fixture: EngineFixture) {
    this.fixture = fixture;
  }

  /** An engine of one more process. */
  async open(): Promise<OpenEngine> {
    const settled: OpenEngine['settled'] = new Map();
    const progress: OpenEngine['progress'] = [];
    const processId = randomUUID();
    const engine = this.fixture.engine({
      processId,
      maxLevel,
      sql: this.fixture.sql ?? noSql,
      events: {
        onSettled: (id, outcome) => void settled.set(id, outcome),
        onProgress: (id, value) => void progress.push({ id, value }),
        onReconnect() {},
        // It goes on trying: a check that waits in vain says what was missing.
        onError() {},
      },
    });
    this.#opened.push(engine);
    await engine.start();
    return { processId, engine, settled, progress };
  }

  /** Opens a lane of `invoice` at level 0, or another one. */
  lane(engine: QueueEngine, run: LaneOptions['run'], options: Partial<LaneOptions> = {}): EngineLane {
    const lane = engine.openLane({ queue: 'invoice', level: 0, concurrency: 1, paused: false, ...options, run });
    this.#lanes.push(lane);
    return lane;
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
    await Promise.all(this.#opened.map((engine) => engine.close()));
    await this.fixture.close?.();
  }
}

/** Of a job that is not one of `invoice` at level 0; `replyTo` is the process that waits for it. */
interface JobOptions extends Partial<EngineJob> {
  readonly replyTo?: string | undefined;
}

/** A job of `invoice` at level 0, or another one. */
export function jobOf(data: unknown, { replyTo, ...options }: JobOptions = {}): EngineJob {
  const { id = randomUUID(), queue = 'invoice' } = options;
  return {
    level: 0,
    priority: 0,
    delay: 0,
    attempts: 1,
    backoff: { type: 'fixed', delay: 1 },
    ...options,
    id,
    queue,
    envelope: { v: 1, id, queue, ...(replyTo === undefined ? {} : { replyTo }), data, context: {} },
  };
}

/** What a job was given. */
export function dataOf({ envelope }: Delivery): unknown {
  return typeof envelope === 'object' && envelope !== null && 'data' in envelope ? envelope.data : undefined;
}

export async function stateOf(engine: QueueEngine, job: EngineJob): Promise<JobState | undefined> {
  return (await engine.look([job])).get(job.id);
}

export const completed = { type: 'completed', outcome: { type: 'completed' } } as const;

function noSql(): SqlExecutor {
  return {
    query: () => Promise.reject(new Error('the engine runs SQL, and queueEngineSuite was given no "sql" by make()')),
  };
}
