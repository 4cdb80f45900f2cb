import {
  aBoolean,
  type Check,
  checkedArgument,
  integer,
  InvalidOptionError,
  oneOf,
  readOptions,
  withMethods,
} from '../core/index.ts';
import type { Db } from '../database/index.ts';
import type { OutboxAdministration } from '../driver/index.ts';
import { outboxOf } from './dialects.ts';
import { aNumber, checkArguments } from './input.ts';
import { queryTables } from './tables.ts';

/** Where a message of the outbox is: on its way, or set aside because its delivery has failed too often. */
export type OutboxState = 'waiting' | 'parked';

/** What there is in the outbox of a channel. */
export interface OutboxCounts {
  /** Tells apart what different relays deliver. */
  readonly channel: string;
  /** How many messages wait for their delivery, those that are being delivered included. */
  readonly waiting: number;
  /** How many were set aside. */
  readonly parked: number;
  /** For how many milliseconds the oldest that waits has done so; 0 where none waits. */
  readonly lag: number;
}

/** A message in the outbox, as administrators see it. */
export interface OutboxEntry {
  /** Names it for `replayParked` and `discardParked`. */
  readonly number: string;
  /** Identifies the message to its receiver. */
  readonly id: string;
  /** Where it goes. */
  readonly queue: string;
  /** Messages with the same queue and key are delivered in order. */
  readonly key: string | undefined;
  /** Where it is. */
  readonly state: OutboxState;
  /** How often its delivery has failed. */
  readonly attempts: number;
  /** The message of the last failed delivery's error. */
  readonly lastError: string | undefined;
  /** When it was written. */
  readonly createdAt: Date;
  /** When it is delivered at the earliest: later than now between two attempts. */
  readonly availableAt: Date;
  /** When it was set aside. */
  readonly parkedAt: Date | undefined;
  /** The payload, parsed from JSON; only where it was asked for. */
  readonly payload?: unknown;
  /** The context; only where the payload was asked for. */
  readonly context?: object | undefined;
}

/** A part of a list of messages. */
export interface OutboxPage {
  /** The messages, oldest first. */
  readonly messages: readonly OutboxEntry[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** Options of `listOutbox`. */
export interface OutboxListOptions {
  /** Which messages. */
  readonly state: OutboxState;
  /** The most messages of a page. Default 100. */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
  /** Whether payload and context are wanted. Default false. */
  readonly withPayload?: boolean | undefined;
}

/** Options of `findInOutbox`. */
export interface FindMessageOptions {
  /** Whether payload and context are wanted. Default false. */
  readonly withPayload?: boolean | undefined;
}

const listChecks: Record<keyof OutboxListOptions, Check> = {
  state: oneOf(['waiting', 'parked']),
  limit: integer(1, 1_000),
  cursor: aNumber,
  withPayload: aBoolean,
};
const findChecks: Record<keyof FindMessageOptions, Check> = { withPayload: aBoolean };

/**
 * How many messages wait and are parked, and for how long the oldest has waited, by channel.
 *
 * ```ts
 * for (const { channel, waiting, parked, lag } of await outboxCounts(db)) console.log(channel, waiting, parked, lag);
 * ```
 * @throws OutboxMissingError
 */
export async function outboxCounts(db: Db): Promise<readonly OutboxCounts[]> {
  checkArguments('outboxCounts', db, {});
  const asked = administrationOf(db).counts();
  const { rows } = await queryTables(db, asked);
  return rows.map(({ channel, waiting, parked, lag }) => ({
    channel: String(channel),
    waiting: Number(waiting),
    parked: Number(parked),
    lag: Math.max(0, Number(lag ?? 0)),
  }));
}

/**
 * Messages of a channel, oldest first, without their payload unless it is asked for. A message that stays in its state while
 * pages are read comes once.
 *
 * ```ts
 * const { messages, cursor } = await listOutbox(db, 'mail', { state: 'parked', limit: 20 });
 * for (const { number, lastError } of messages) console.log(number, lastError);
 * ```
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function listOutbox(db: Db, channel: string, options: OutboxListOptions): Promise<OutboxPage> {
  checkArguments('listOutbox', db, { channel });
  const read = readOptions('listOutbox', options, listChecks, ['state']);
  const { state, limit = 100, cursor = '0', withPayload: payload = false } = read;
  const listing = { channel, parked: state === 'parked', after: cursor, limit: limit + 1, payload };
  const asked = administrationOf(db).list(listing);
  const { rows } = await queryTables<EntryRow>(db, asked);
  const messages = rows.slice(0, limit).map((row) => entryOf(row, payload));
  return { messages, cursor: rows.length > limit ? messages.at(-1)?.number : undefined };
}

/**
 * Looks at a message; undefined where the outbox does not have it: it was delivered or discarded, or never was.
 *
 * ```ts
 * const message = await findInOutbox(db, 'mail', '17', { withPayload: true });
 * console.log(message?.lastError, message?.payload);
 * ```
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function findInOutbox(
  db: Db,
  channel: string,
  number: string,
  options: FindMessageOptions = {},
): Promise<OutboxEntry | undefined> {
  checkArguments('findInOutbox', db, { channel });
  checkedArgument('findInOutbox', 'number', number, aNumber);
  const { withPayload: payload = false } = readOptions('findInOutbox', options, findChecks);
  const asked = administrationOf(db).find(channel, number, payload);
  const { rows } = await queryTables<EntryRow>(db, asked);
  const [row] = rows;
  return row === undefined ? undefined : entryOf(row, payload);
}

/**
 * Deletes parked messages for good. One that waits belongs to its relay, and stays. Called again it changes nothing more.
 *
 * ```ts
 * await discardParked(db, 'mail', ['17']);
 * ```
 * @returns how many were there, and parked
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function discardParked(db: Db, channel: string, numbers: readonly string[]): Promise<number> {
  checkArguments('discardParked', db, { channel, numbers });
  if (numbers.length === 0) return 0;
  const asked = administrationOf(db).discard(channel, numbers);
  return (await queryTables(db, asked)).rowCount;
}

const anAdministration = withMethods('counts', 'list', 'find', 'replay', 'discard');

/** @throws InvalidOptionError for an engine whose outbox has none */
export function administrationOf(db: Db): OutboxAdministration {
  const { administration } = outboxOf(db);
  const expected = anAdministration(administration);
  if (administration !== undefined && expected === undefined) return administration;
  throw new InvalidOptionError({
    what: `The outbox of client "${db.clientName}" has no administration: its messages cannot be listed, counted or discarded`,
    remedy: 'Give its dialect an "administration": docs/extending.md says how',
    at: { clientName: db.clientName },
  });
}

interface EntryRow {
  readonly id: string;
  readonly job_id: string;
  readonly queue: string;
  readonly key: string | null;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly payload: string | null;
  readonly context: string | null;
  readonly created_at: Time;
  readonly available_at: Time;
  readonly parked_at: Time | null;
}

/** A date, or milliseconds since 1970, as text where a driver reads large numbers so. */
type Time = Date | number | string;

function entryOf(row: EntryRow, payload: boolean): OutboxEntry {
  return {
    number: row.id,
    id: row.job_id,
    queue: row.queue,
    key: row.key ?? undefined,
    state: row.parked_at === null ? 'waiting' : 'parked',
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    createdAt: dateOf(row.created_at),
    availableAt: dateOf(row.available_at),
    parkedAt: row.parked_at === null ? undefined : dateOf(row.parked_at),
    ...(payload ? { payload: parsed(row.payload), context: parsed(row.context) as object } : {}),
  };
}

function dateOf(time: Time): Date {
  return time instanceof Date ? time : new Date(Number(time));
}

function parsed(json: string | null): unknown {
  return json === null ? undefined : (JSON.parse(json) as unknown);
}
