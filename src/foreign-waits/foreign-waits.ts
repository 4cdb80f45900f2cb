import { foreignWait } from '../channels/index.ts';
import { currentFrame, type OpenTransaction } from '../context/index.ts';
import { callersOf, emitWarning, isUnwatched, runUnwatched, sharedByCopies } from '../core/index.ts';
import { ForeignWaitError } from './errors.ts';
import { type OnEnd, watchCalls } from './sources.ts';

/** `warn` once for each place, end the transaction with an `error`, or let them be. */
export type ForeignWaits = 'warn' | 'error' | 'off';

/** A database whose transactions are watched. */
export interface WatchedDatabase {
  readonly mode: Exclude<ForeignWaits, 'off'>;
  /** Ends a transaction from outside of its body. */
  readonly end: (transaction: OpenTransaction, reason: unknown) => void;
}

const watched = sharedByCopies('foreign-waits', () => new Map<object, WatchedDatabase>());
/** Places that were named, so that a loop is named once. */
const named = new Set<string>();
const mostNamed = 1_000;
/** How many calls may lie between Node.js and the program. */
const depth = 60;
let stop: (() => void) | undefined;

/** Names calls out of transactions of a database from now on. @returns ends that */
export function watchForeignWaits(database: object, settings: WatchedDatabase): () => void {
  watched.set(database, settings);
  stop ??= watchCalls(noteCall);
  return () => {
    watched.delete(database);
    if (watched.size > 0) return;
    stop?.();
    stop = undefined;
  };
}

/**
 * Runs a function whose calls to other servers are meant to be made inside of a transaction.
 *
 * ```ts
 * const rate = await allowForeignWaits(() => fetch('https://rates.example').then((response) => response.json()));
 * ```
 */
export function allowForeignWaits<Result>(body: () => Result): Result {
  return runUnwatched(body);
}

/** Node.js calls it in the context of who makes the call; what it throws would end the process. */
function noteCall(what: string): OnEnd | undefined {
  const transaction = holding();
  const settings = transaction === undefined ? undefined : watched.get(transaction.client.database);
  if (transaction === undefined || settings === undefined) return undefined;
  const { record } = transaction;
  const [place] = callersOf(noteCall, depth);
  const end = record.waitsFor({ type: 'foreign', what });
  if (foreignWait.hasSubscribers) {
    const { id, chainId, name, level, client } = record;
    foreignWait.publish({ id, chainId, clientName: client.name, level, transaction: name, what, place });
  }
  if (settings.mode === 'error') settings.end(transaction, refused(transaction, what, place));
  else warn(transaction, what, place);
  return end;
}

/** The transaction of this chain that was opened last, if it holds a connection. */
function holding(): OpenTransaction | undefined {
  if (isUnwatched()) return undefined;
  const frame = currentFrame();
  if (frame?.scope?.base !== undefined) return undefined;
  let open = frame?.innermost;
  while (open !== undefined && open.backend === undefined) open = open.outer;
  return open;
}

function warn(transaction: OpenTransaction, what: string, place: string | undefined): void {
  const { transaction: name, clientName, level, openedAt } = transaction.describe();
  const at = place ?? openedAt;
  const key = `${what} ${name} ${at}`;
  if (named.has(key) || named.size >= mostNamed) return;
  named.add(key);
  const where = at === undefined ? '' : place === undefined ? ` (begun at ${at})` : ` at ${at}`;
  emitWarning(
    'SLUICE_FOREIGN_WAIT',
    `The transaction "${name}" on client "${clientName}" at level ${level} waits for ${what}${where}, and holds its connection and locks until then; call it before or after the transaction, from afterCommit() or a job, or write allowForeignWaits(() => ...)`,
  );
}

function refused(transaction: OpenTransaction, what: string, place: string | undefined): ForeignWaitError {
  return new ForeignWaitError({
    what: `The transaction "${transaction.record.name}" called ${what}${place === undefined ? '' : ` at ${place}`} while it holds a connection; it is rolled back`,
    remedy:
      'Call it before or after the transaction, from afterCommit() or a job, or write allowForeignWaits(() => ...)',
    chain: [transaction.describe()],
  });
}
