import { isRecord, systemClock } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import type { ClaimedPublication, CompletionMode, EventDialect } from '../driver/index.ts';
import { validated } from '../payload/index.ts';
import { inContextOf } from '../tables/index.ts';
import { refuseDeferred } from '../transaction/index.ts';
import type { DurableListener } from './listener.ts';

/** An attempt of a durable listener. */
export interface Attempt {
  /** A handle without a level: the listener begins a chain of its own, at level 0. */
  readonly db: Db;
  readonly sql: EventDialect;
  readonly row: ClaimedPublication;
  readonly listener: DurableListener;
  readonly completion: CompletionMode;
  /** Aborts when it is not waited for any longer. */
  readonly stop: AbortSignal;
  /** How long it may wait for its connection, in milliseconds: shorter than the claim lasts. */
  readonly startLimit: number;
}

/** The transaction of an attempt got no connection in time. */
export class NotStarted extends Error {}

/**
 * Runs a listener, in the context of the publisher, in a transaction that locks its publication and completes it: all of it takes
 * effect or nothing.
 * @returns whether the listener ran; not where another claim has the publication
 */
export async function makeAttempt(attempt: Attempt): Promise<boolean> {
  const { db, row, listener, stop, startLimit } = attempt;
  const late = new AbortController();
  const ended = new AbortController();
  const started = systemClock.setTimer(() => late.abort(new NotStarted('no connection in time')), startLimit);
  const signal = AbortSignal.any([stop, late.signal]);
  const body = async (): Promise<boolean> => {
    const isHeld = await lock(attempt);
    started();
    if (isHeld) await runListener(attempt, ended.signal);
    return isHeld;
  };
  try {
    const options = { name: listener.id, timeout: listener.timeout, signal };
    return await inContextOf({ context: contextOf(row) }, () => db.transaction.begin(body, options));
  } finally {
    started();
    ended.abort();
  }
}

async function lock({ db, sql, row }: Attempt): Promise<boolean> {
  const { text, values } = sql.lock(row.id, row.attempts);
  return (await db.query(text, values)).rows.length > 0;
}

async function runListener({ db, sql, row, listener, completion }: Attempt, signal: AbortSignal): Promise<void> {
  const { event, run, id } = listener;
  const what = `The payload of the event "${event.name}" for the listener "${id}"`;
  const payload = await validated(what, event.parse, JSON.parse(row.payload));
  const publishedAt = new Date(Number(row.published_at));
  const result = await run(payload, { id: row.event_id, name: row.event, publishedAt, attempt: row.attempts, signal });
  refuseDeferred(result, `listener ${id}`);
  const statements = sql.complete(completion, row.id);
  for (const [at, { text, values }] of statements.entries()) {
    await db.query(text, values, { last: at === statements.length - 1 });
  }
}

function contextOf({ context }: ClaimedPublication): object {
  const read: unknown = JSON.parse(context);
  return isRecord(read) ? read : {};
}
