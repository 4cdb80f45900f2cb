import { type ClientIdentity, Frame, BaseLevel } from '../context/index.ts';
import { systemClock } from '../core/index.ts';
import { invalidContext, type ReceivedContext } from '../envelope/index.ts';
import { deadlineExceeded } from '../connection/index.ts';
import { type Database, internalsOf } from './database.ts';

/**
 * Makes the root frame of a part of a chain that came from outside. What is ambient here is no part of it.
 * @param id names it in events
 * @throws InvalidContextError for a client that the database does not have; DeadlineExceededError
 */
export function enterChain(
  database: Database,
  { level, clientName, timeout, chain }: ReceivedContext,
  id?: string,
): Frame {
  const current = clientName === undefined ? undefined : knownClient(database, clientName);
  if (timeout !== undefined && timeout <= 0) throw deadlineExceeded('A job or call that had not begun');
  const enteredAt = systemClock.now();
  const deadline = timeout === undefined ? {} : { deadline: enteredAt + timeout };
  return new Frame(undefined, {
    client: undefined,
    baseLevel: new BaseLevel(level, undefined, id),
    scope: undefined,
    current,
    chain: { ...chain, ...deadline, enteredAt },
  });
}

function knownClient(database: Database, name: string): ClientIdentity {
  try {
    return internalsOf(database).clientNamed(name);
  } catch (cause) {
    throw invalidContext('it names a client that this database does not have', cause);
  }
}
