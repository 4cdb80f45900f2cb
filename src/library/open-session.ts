import { reportBackgroundError } from '../channels/index.ts';
import { findPlace, frameOfCall } from '../context/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import {
  type BeginStep,
  type EndStep,
  type QueryResult,
  type Statement,
  TransactionControlError,
} from '../driver/index.ts';
import { Checkout, type TransactionalClient } from '../connection/index.ts';
import { isolationOf, runStatements, type Scope, type Target } from '../transaction/index.ts';
import type { ControlCommand } from './control-command.ts';
import { JoinedSession } from './joined-session.ts';
import { throwToLibrary } from './library-failure.ts';
import type { LibrarySession } from './library-session.ts';
import { refuseBeginElsewhere } from './own-transaction.ts';
import { noticeUnbound } from './unbound.ts';
import { type ErrorPlace } from '../core/index.ts';

/** Checks a connection out for a library: that of the transaction which is ambient here, or one of its own. */
export async function openSession(database: Database, clientName: string, holder: string): Promise<LibrarySession> {
  const client = internalsOf(database).clientNamed(clientName);
  const frame = frameOfCall();
  const { level, scope } = findPlace(frame, client);
  if (scope !== undefined && frame !== undefined) {
    (scope as Scope).assertOpen();
    return new JoinedSession(client, frame);
  }
  return new PinnedSession(client, await Checkout.open(client, level, frame, holder).catch(throwToLibrary));
}

/** Whether the caller is in a transaction of the client. */
export function isInTransactionOf(database: Database, clientName: string): boolean {
  return findPlace(frameOfCall(), internalsOf(database).clientNamed(clientName)).scope !== undefined;
}

/** Runs statements where the caller is: in the ambient transaction, or by themselves. */
export function runHere(
  database: Database,
  clientName: string,
  statements: readonly Statement[],
): Promise<readonly QueryResult[]> {
  const target: Target = { client: internalsOf(database).clientNamed(clientName), level: undefined };
  return runStatements(target, statements).catch(throwToLibrary);
}

/** What a library begins a transaction with. */
const beginning: ReadonlySet<ControlCommand['type']> = new Set(['nextCharacteristics', 'begin', 'savepoint']);

/** Outside of a transaction everything is as the library says it. */
class PinnedSession implements LibrarySession {
  readonly pinned: Checkout;
  readonly remains: undefined;
  readonly #client: TransactionalClient;

  constructor(client: TransactionalClient, pinned: Checkout) {
    this.#client = client;
    this.pinned = pinned;
  }

  get backendId(): number | undefined {
    return this.pinned.connection?.backend.id;
  }

  run(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    return this.pinned.run(statements);
  }

  async control(command: ControlCommand, statement?: Statement): Promise<QueryResult | undefined> {
    const { type } = command;
    if (beginning.has(type)) refuseBeginElsewhere(this.#client);
    if (type === 'begin') noticeUnbound(this.#client);
    if (statement !== undefined) return (await this.pinned.run([statement]))[0];
    const ended = await this.pinned.control(stepOf(command, this.#client));
    return { rows: [], rowCount: 0, command: ended === 'rolledBack' ? 'ROLLBACK' : type.toUpperCase(), fields: [] };
  }

  cancel(): Promise<void> {
    return this.pinned.cancel();
  }

  async release(destroy: boolean): Promise<void> {
    const { status } = this.pinned;
    await this.pinned.release(destroy);
    if (!destroy && (status === 'active' || status === 'failed')) {
      reportBackgroundError({ source: 'a connection of an ambient pool', error: leftOpen(this.pinned.at) });
    }
  }
}

/** What the driver is asked for. */
function stepOf(command: ControlCommand, { driver }: TransactionalClient): BeginStep | EndStep {
  if (command.type === 'commit' || command.type === 'rollback') return { type: command.type };
  if (command.type !== 'begin') throw new RangeError(`a library says by itself how it ${command.type}s`);
  const { isolationLevel, readOnly = false } = command.characteristics;
  return { type: 'begin', characteristics: { isolation: driver.isolation(isolationOf(isolationLevel)), readOnly } };
}

function leftOpen(at: ErrorPlace): TransactionControlError {
  return new TransactionControlError({
    what: 'A connection was released with an open transaction, which was rolled back',
    remedy: 'Commit before the release, or use transaction(). A BEGIN on a pool isolates nothing',
    at,
  });
}
