import { reportBackgroundError, runInTrace } from '../../channels/index.ts';
import { runInFrame } from '../../context/index.ts';
import { describeThrown, isError, isInstance, SluiceError, storable } from '../../core/index.ts';
import { type Database, type Db, enterChain } from '../../database/index.ts';
import type { ReceivedContext } from '../../envelope/index.ts';
import { AfterCommitError } from '../../transaction/index.ts';
import { outboxOf } from '../dialects.ts';
import { findInInbox } from '../inbox.ts';
import { withTables } from '../tables.ts';

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
  /** Aborts when the consumer does not wait for the handler any longer. */
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
  readonly message: ConsumedMessage;
  readonly context: ReceivedContext;
}

/**
 * Runs a handler in a transaction, in the context that came with the message.
 * @param claim is sent first in the transaction, and fails where another one has the message
 */
export async function runInChain<Payload>(run: Run<Payload>, claim: (db: Db) => Promise<void>): Promise<void> {
  const { database, context, message, handler, payload, consumer } = run;
  const frame = enterChain(database, context);
  const body = async (): Promise<void> => {
    const db = database.current;
    await db.transaction.begin(
      async () => {
        await claim(db);
        await handler(payload, message);
      },
      { name: `consume ${consumer}`, signal: message.signal },
    );
  };
  try {
    await runInTrace(frame.chain, { ifNone: true }, () => runInFrame(frame, body, undefined));
  } catch (error) {
    if (!isInstance(error, AfterCommitError)) throw error;
    // The effects are there.
    reportBackgroundError({ source: `consumer ${consumer}`, error });
  } finally {
    frame.baseLevel?.end();
  }
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
