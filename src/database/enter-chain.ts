import { beforeAll, type ClientIdentity, Frame, BaseLevel, type HeldByJob } from '../context/index.ts';
import { systemClock } from '../core/index.ts';
import { invalidContext, type ReceivedContext } from '../envelope/index.ts';
import { deadlineExceeded } from '../connection/index.ts';
import { type Database, internalsOf } from './database.ts';

/**
 * Makes the root frame of a part of a chain that came from outside. What is ambient here is no part of it.
 * @param entry `id` names it in events, `job` is what it is
 * @throws InvalidContextError for a client that the database does not have; DeadlineExceededError
 */
export function enterChain(
  database: Database,
  { level, clientName, timeout, chain }: ReceivedContext,
  { id, job }: { readonly id?: string | undefined; readonly job?: HeldByJob } = {},
): Frame {
  const current = clientName === undefined ? undefined : knownClient(database, clientName);
  if (timeout !== undefined && timeout <= 0) throw deadlineExceeded('A job or call that had not begun');
  const enteredAt = systemClock.now();
  const deadline = timeout === undefined ? {} : { deadline: enteredAt + timeout };
  // What comes while the database closes is new to it, unless a transaction of its own waits for that.
  const isOwn = chain.ancestors !== undefined && internalsOf(database).letsEnd(chain.ancestors);
  return new Frame(undefined, {
    client: undefined,
    baseLevel: new BaseLevel(level, undefined, id, job),
    scope: undefined,
    current,
    chain: { ...chain, ...deadline, enteredAt },
    since: isOwn ? beforeAll : undefined,
  });
}

function knownClient(database: Database, name: string): ClientIdentity {
  try {
    return internalsOf(database).clientNamed(name);
  } catch (cause) {
    throw invalidContext('it names a client that this database does not have', cause);
  }
}
