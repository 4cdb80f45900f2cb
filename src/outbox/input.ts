import {
  anything,
  type Check,
  checkedArgument,
  integer,
  InvalidOptionError,
  isRecord,
  listOf,
  readOptions,
  text,
  typeName,
} from '../core/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import type { NewOutboxMessage } from './message.ts';

/** A channel is that of a relay, too. */
export const aChannel: Check = text(200);
/** The number of a message. */
export const aNumber: Check = (value) =>
  typeof value === 'string' && /^\d{1,18}$/.test(value) ? undefined : 'a number as text';
const anId = text(500);
const aContext: Check = (value) => (isRecord(value) ? undefined : 'an object');

const messageChecks: Record<keyof NewOutboxMessage, Check> = {
  channel: aChannel,
  id: anId,
  queue: text(500),
  key: text(500),
  payload: anything,
  context: aContext,
};

type ArgumentName = 'channel' | 'consumer' | 'messageId' | 'messageIds' | 'result' | 'limit' | 'numbers';

/** Checks of arguments by the names that errors give them. */
const argumentChecks: Readonly<Record<ArgumentName, Check>> = {
  channel: aChannel,
  consumer: text(200),
  messageId: anId,
  messageIds: listOf(anId, 100_000, 'a list of ids'),
  result: (value) => (typeof value === 'string' ? undefined : 'JSON as text'),
  limit: integer(1, 100_000),
  numbers: listOf(aNumber, 100_000, 'numbers of parked messages, as text'),
};

/** @throws InvalidOptionError for what is no handle, and for arguments that cannot be; nothing was sent */
export function checkArguments(owner: string, db: Db, given: Readonly<Partial<Record<ArgumentName, unknown>>>): void {
  clientOf(db);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) throw missing(owner, name);
    checkedArgument(owner, name, value, argumentChecks[name as ArgumentName]);
  }
}

/** Reads messages once. @throws InvalidOptionError */
export function readMessages(messages: readonly NewOutboxMessage[]): NewOutboxMessage[] {
  if (!Array.isArray(messages)) {
    throw new InvalidOptionError({
      what: `addToOutbox got ${typeName(messages)} for its messages`,
      remedy: 'Give a list, each with channel, queue and payload',
    });
  }
  return Array.from(messages, (message) =>
    readOptions('A message for the outbox', message, messageChecks, ['channel', 'queue']),
  );
}

function missing(owner: string, name: string): InvalidOptionError {
  return new InvalidOptionError({ what: `${owner} got no "${name}"`, remedy: 'Give it' });
}
