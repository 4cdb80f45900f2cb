import { aBoolean, type Check, checkedArgument, integer, InvalidOptionError, readOptions } from '../../core/index.ts';
import { clientOf, type Db } from '../../database/index.ts';
import type { NewReceivedRow, ReceivedMessages } from '../../driver/index.ts';
import { aGroupName, aTopicName, type DeliveredMessage } from '../broker/index.ts';
import { outboxOf } from '../dialects.ts';
import { aNumber, checkArguments } from '../input.ts';
import { queryTables } from '../tables.ts';
import type { ParkReason } from './open-message.ts';
import { checkTopic, type Topic } from './topic.ts';

/** A message that a group has set aside. */
export interface ReceivedParkedMessage {
  /** Names it for `replay` and `discard`. */
  readonly number: string;
  /** As it came; undefined for one without. */
  readonly id: string | undefined;
  /** As it came. */
  readonly key: string | undefined;
  /** Why. */
  readonly reason: ParkReason;
  /** What went wrong; of what a handler threw, name and message. */
  readonly error: string;
  /** How often its handler has failed. */
  readonly attempts: number;
  /** When it was set aside. */
  readonly parkedAt: Date;
  /** Whether it is to be handled again: a consumer of the group does so soon. */
  readonly isDue: boolean;
  /** The payload as it came, only where it was asked for; undefined for one that was too large to be kept. */
  readonly body?: Uint8Array | undefined;
}

/** A part of a list of messages. */
export interface ReceivedParkedPage {
  /** The messages, oldest first. */
  readonly messages: readonly ReceivedParkedMessage[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** Options of `outbox.parked` and `listReceived`. */
export interface ReceivedParkedOptions {
  /** Whose messages. */
  readonly group: string;
  /** The most messages of a page. Default 100; at most 1,000. */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
  /** Whether bodies are wanted. Default false. */
  readonly withBody?: boolean | undefined;
}

/** Which messages `outbox.replay` and `outbox.discard` are about, and `replayReceived` and `discardReceived`. */
export interface ReceivedSelection {
  /** Whose messages. */
  readonly group: string;
  /** Their numbers. `replay` takes all without them. */
  readonly numbers?: readonly string[] | undefined;
}

const listChecks: Record<keyof ReceivedParkedOptions, Check> = {
  group: aGroupName,
  limit: integer(1, 1_000),
  cursor: aNumber,
  withBody: aBoolean,
};
const selectionChecks: Record<keyof ReceivedSelection, Check> = {
  group: aGroupName,
  numbers: (value) => (Array.isArray(value) ? undefined : 'a list of numbers, as text'),
};

/** A row of `ReceivedMessages.list`. */
export interface ReceivedRow {
  readonly id: string;
  readonly message_id: string | null;
  readonly message_key: string | null;
  readonly headers: string;
  readonly body: string | null;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly parked_at: Date | number | string;
  readonly due: number | string;
}

/** The name of a group in the inbox. */
export function consumerName(topic: string, group: string): string {
  return `${group}/${topic}`;
}

/** @throws InvalidOptionError for an engine whose outbox has none */
export function receivedOf(db: Db): ReceivedMessages {
  const { received } = outboxOf(db);
  if (received !== undefined) return received;
  throw new InvalidOptionError({
    what: `The outbox of client "${db.clientName}" cannot set received messages aside`,
    remedy: 'Give its dialect "received": docs/extending.md says how',
    at: { clientName: db.clientName },
  });
}

/** @param owner the function whose arguments they are */
export async function listReceivedBy(
  owner: string,
  db: Db,
  topic: Topic | string,
  options: ReceivedParkedOptions,
): Promise<ReceivedParkedPage> {
  const { group, limit = 100, cursor = '0', withBody = false } = readOptions(owner, options, listChecks, ['group']);
  const asked = { topic: nameOf(owner, topic), consumer: group, after: cursor, limit: limit + 1 };
  const { rows } = await queryTables<ReceivedRow>(db, receivedOf(db).list(asked));
  const messages = rows.slice(0, limit).map((row) => parkedMessage(row, withBody));
  return { messages, cursor: rows.length > limit ? messages.at(-1)?.number : undefined };
}

/** @param owner the function whose arguments they are */
export async function replayReceivedBy(
  owner: string,
  db: Db,
  topic: Topic | string,
  selection: ReceivedSelection,
): Promise<number> {
  const { name, group, numbers } = readSelection(owner, db, topic, selection);
  return (await queryTables(db, receivedOf(db).replay(name, group, numbers))).rowCount;
}

/** @param owner the function whose arguments they are */
export async function discardReceivedBy(
  owner: string,
  db: Db,
  topic: Topic | string,
  selection: ReceivedSelection,
): Promise<number> {
  const { name, group, numbers = [] } = readSelection(owner, db, topic, selection);
  if (numbers.length === 0) return 0;
  return (await queryTables(db, receivedOf(db).discard(name, group, numbers))).rowCount;
}

function readSelection(
  owner: string,
  db: Db,
  topic: Topic | string,
  selection: ReceivedSelection,
): ReceivedSelection & { readonly name: string } {
  clientOf(db);
  const name = nameOf(owner, topic);
  const read = readOptions(owner, selection, selectionChecks, ['group']);
  if (read.numbers !== undefined) checkArguments(owner, db, { numbers: read.numbers });
  return { ...read, name };
}

/** @throws InvalidOptionError */
function nameOf(owner: string, topic: Topic | string): string {
  if (typeof topic === 'string') {
    checkedArgument(owner, 'topic', topic, aTopicName);
    return topic;
  }
  checkTopic(owner, topic);
  return topic.name;
}

/** @param by who has set it aside: the message may have come under another topic, and is listed under this one */
export function rowOf(
  message: DeliveredMessage,
  by: { readonly topic: Topic; readonly group: string },
  why: { readonly reason: ParkReason; readonly error: string; readonly attempts: number },
): NewReceivedRow {
  const { id, key, headers, body } = message;
  return {
    topic: by.topic.name,
    consumer: by.group,
    messageId: id === undefined ? null : cut(id, 500),
    key: key === undefined ? null : cut(key, 500),
    headers: JSON.stringify(headers),
    body: why.reason === 'too large' ? null : Buffer.from(body).toString('base64'),
    ...why,
  };
}

/** What the row was made of. */
export function messageOf({ message_id, message_key, headers, body }: ReceivedRow): {
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
} {
  return {
    id: message_id ?? undefined,
    key: message_key ?? undefined,
    headers: JSON.parse(headers) as Readonly<Record<string, string>>,
    body: Buffer.from(body ?? '', 'base64'),
  };
}

function parkedMessage(row: ReceivedRow, withBody: boolean): ReceivedParkedMessage {
  const { id, message_id, message_key, reason, error, attempts, parked_at, due, body } = row;
  return {
    number: id,
    id: message_id ?? undefined,
    key: message_key ?? undefined,
    reason: reason as ParkReason,
    error,
    attempts,
    parkedAt: parked_at instanceof Date ? parked_at : new Date(Number(parked_at)),
    isDue: Number(due) === 1,
    ...(withBody ? { body: body === null ? undefined : Buffer.from(body, 'base64') } : {}),
  };
}

function cut(text: string, most: number): string {
  return text.slice(0, most).replaceAll('\0', '').toWellFormed();
}
