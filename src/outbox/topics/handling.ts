import { reportBackgroundError, runInTrace } from '../../channels/index.ts';
import { runInFrame } from '../../context/index.ts';
import { describeThrown, isError, isInstance, onAbort, SluiceError, storable, systemClock } from '../../core/index.ts';
import { type Database, type Db, enterChain } from '../../database/index.ts';
import type { ReceivedContext } from '../../envelope/index.ts';
import { AfterCommitError } from '../../transaction/index.ts';
import { outboxOf } from '../dialects.ts';
import { findInInbox } from '../inbox.ts';
import { withTables } from '../tables.ts';
import { HandlerTimeoutError } from './errors.ts';

/** The longest text of an error that is kept with a message. */
const longestError = 2_000;

/** A message, as its handler sees it. */
export interface ConsumedMessage {
  /** The same on every delivery. */
  readonly id: string;
  /** Where it came. */
  readonly topic: string;
  /** As it was published. */
  readonly key: string | undefined;
  /** Those that it was published with. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 for the first run in this process. */
  readonly attempt: number;
  /** Aborts when the handler is not waited for any longer: it ran longer than `maxRuntime`, or its consumer stops. */
  readonly signal: AbortSignal;
}

/** Handles one message, in the transaction that notes it in the inbox. What it throws rolls both back. */
export type ConsumeHandler<Payload> = (payload: Payload, message: ConsumedMessage) => unknown;

/** One run of a handler. */
export interface Run<Payload> {
  readonly database: Database;
  readonly consumer: string;
  readonly handler: ConsumeHandler<Payload>;
  readonly payload: Payload;
  readonly message: Omit<ConsumedMessage, 'signal'>;
  readonly context: ReceivedContext;
  /** How long the handler may run, in milliseconds. */
  readonly maxRuntime: number;
  /** Aborts when the consumer does not wait for it any longer. */
  readonly ending: AbortSignal;
}

/**
 * Runs a handler in a transaction, in the context that came with the message.
 * @param claim is sent first in the transaction, and fails where another one has the message
 */
export async function runInChain<Payload>(run: Run<Payload>, claim: (db: Db) => Promise<void>): Promise<void> {
  const { database, context, handler, payload, consumer } = run;
  const limit = new RunLimit(run);
  const { signal } = limit;
  const frame = enterChain(database, context);
  const body = async (): Promise<void> => {
    const db = database.current;
    await db.transaction.begin(
      async () => {
        await claim(db);
        limit.start();
        await handler(payload, { ...run.message, signal });
        // What has returned is in time, however long its COMMIT takes.
        limit.stop();
      },
      { name: `consume ${consumer}`, signal },
    );
  };
  try {
    await runInTrace(frame.chain, { ifNone: true }, () => runInFrame(frame, body, undefined));
  } catch (error) {
    if (!isInstance(error, AfterCommitError)) throw error;
    // The effects are there.
    reportBackgroundError({ source: `consumer ${consumer}`, error });
  } finally {
    limit.end();
    frame.baseLevel?.end();
  }
}

type Limited = Pick<Run<unknown>, 'consumer' | 'message' | 'maxRuntime' | 'ending'>;

/** Ends a handler from outside. What it waits for before, a connection or another process that has the message, is not its time. */
class RunLimit {
  readonly #run: Limited;
  readonly #controller = new AbortController();
  readonly #unfollow: () => void;
  #cancelTimer: () => void = () => {};

  constructor(run: Limited) {
    const { ending } = run;
    this.#run = run;
    this.#unfollow = onAbort(ending, () => this.#controller.abort(ending.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  start(): void {
    const { maxRuntime } = this.#run;
    this.#cancelTimer = systemClock.setTimer(() => this.#controller.abort(tooLong(this.#run)), maxRuntime, true);
  }

  stop(): void {
    this.#cancelTimer();
  }

  end(): void {
    this.stop();
    this.#unfollow();
  }
}

function tooLong({ consumer, message, maxRuntime }: Limited): HandlerTimeoutError {
  return new HandlerTimeoutError({
    what: `The handler of the consumer "${consumer}" ran longer than ${maxRuntime} ms, and was rolled back`,
    remedy: 'Find what it waits for and let it follow "message.signal", or raise maxRuntime of consume()',
    messageId: message.id,
  });
}

/** Notes a message before its handler runs: a second run of it waits here, and fails. */
export async function claimInInbox(db: Db, consumer: string, id: string): Promise<void> {
  const { text, values } = outboxOf(db).record(consumer, id, 'null');
  await withTables(db, () => db.query(text, values));
}

/** Whether a message was handled, or set aside, before. */
export async function isSettled(db: Db, consumer: string, id: string): Promise<boolean> {
  return (await findInInbox(db, consumer, [id])).has(id);
}

const away: ReadonlySet<string> = new Set([
  'ACQUIRE_TIMEOUT',
  'COMMIT_UNKNOWN',
  'CONNECTION_LOST',
  'CONNECT_FAILED',
  'DATABASE_CLOSED',
  'POOLER_TIMEOUT',
]);

/** Whether the database was not there, which is no fault of the message. */
export function isAway(error: unknown): boolean {
  const found = SluiceError.find(error);
  return found !== undefined && away.has(found.code);
}

export function describeFailure(error: unknown): string {
  const { name, message } = describeThrown(error);
  return storable(isError(error) ? `${name}: ${message}` : message, longestError);
}
