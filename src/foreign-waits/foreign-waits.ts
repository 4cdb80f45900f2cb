import { foreignWait } from '../channels/index.ts';
import { currentFrame, type OpenTransaction } from '../context/index.ts';
import { callersOf, checkBody, emitWarning, isUnwatched, runUnwatched, sharedByCopies } from '../core/index.ts';
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
 * @throws InvalidOptionError for what is no function
 */
export function allowForeignWaits<Result>(body: () => Result): Result {
  checkBody('allowForeignWaits', body);
  return runUnwatched(body);
}

/** Node.js calls it in the context of who makes the call; what it throws would end the process. */
function noteCall(what: string): OnEnd | undefined {
  const transaction = holding();
  const settings = transaction === undefined ? undefined : watched.get(transaction.client.database);
  if (transaction === undefined || settings === undefined) return undefined;
  const { record } = transaction;
  const place = placeOf(callersOf(noteCall, depth));
  const end = record.waitsFor({ type: 'foreign', what });
  if (foreignWait.hasSubscribers) {
    const { id, chainId, name, level, client } = record;
    foreignWait.publish({ id, chainId, clientName: client.name, level, transaction: name, what, place });
  }
  if (settings.mode === 'error') settings.end(transaction, refused(transaction, what, place));
  else warn(transaction, what, place);
  return end;
}

/** Where the program calls; where it does not show, the library that calls for it. */
function placeOf(callers: readonly string[]): string | undefined {
  return callers.find((caller) => !isOfPackage(caller)) ?? callers[0];
}

function isOfPackage(place: string): boolean {
  return /[\\/]node_modules[\\/]/.test(place);
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
  const isShown = place !== undefined && !isOfPackage(place);
  const key = isShown ? place : `${place} ${openedAt ?? name}`;
  if (named.has(key) || named.size >= mostNamed) return;
  named.add(key);
  const begun = isShown || openedAt === undefined ? '' : ` (begun at ${openedAt})`;
  const where = `${place === undefined ? '' : ` at ${place}`}${begun}`;
  emitWarning(
    'SLUICE_FOREIGN_WAIT',
    `The transaction "${name}" on client "${clientName}" at level ${level} waits for ${what}${where}, and holds its connection and locks until then; call it before or after the transaction, from afterCommit() or a job, or write allowForeignWaits(() => ...)`,
  );
}

function refused(transaction: OpenTransaction, what: string, place: string | undefined): ForeignWaitError {
  return new ForeignWaitError({
    what: `The transaction "${transaction.record.name}" waited for ${what}${place === undefined ? '' : ` at ${place}`} while it holds a connection; it is rolled back`,
    remedy:
      'Call it before or after the transaction, from afterCommit() or a job, or write allowForeignWaits(() => ...)',
    chain: [transaction.describe()],
  });
}
