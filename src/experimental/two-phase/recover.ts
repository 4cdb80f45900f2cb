import { type Check, isInstance, milliseconds, readOptions } from '../../core/index.ts';
import { checkDatabase, type Database } from '../../database/index.ts';
import { clientsNamed, homeOf, refuseInTransaction, type TwoPhaseClient } from './clients.ts';
import { type CommittedRow, decide, forget, readCommitted } from './decisions.ts';
import { TwoPhaseTablesMissingError } from './errors.ts';
import { markOf, type PartName, readPartName } from './ids.ts';
import { runOn } from './servers.ts';

/** Options of `recoverTwoPhase`. */
export interface RecoverTwoPhaseOptions {
  /**
   * How long ago a transaction was begun that is taken for left behind, in milliseconds by the clocks of the processes. Too short
   * a time rolls transactions back that are alive, which then reject with a `TwoPhaseAbortedError`. Default 60,000.
   */
  readonly abandonedAfter?: number | undefined;
}

/** A part that was ended, or could not be. */
export interface RecoveredPart {
  /** Names the transaction in the table of decisions. */
  readonly id: string;
  /** The client on which it was prepared. */
  readonly clientName: string;
}

/** What a recovery has done. */
export interface TwoPhaseRecovery {
  /** Parts that were committed. */
  readonly committed: readonly RecoveredPart[];
  /** Parts that were rolled back. */
  readonly rolledBack: readonly RecoveredPart[];
  /** What went wrong, by client; the next recovery tries again. */
  readonly failures: readonly RecoveryFailure[];
}

/** Something that a recovery could not do. */
export interface RecoveryFailure {
  /** The client that could not be asked, or on which a part could not be ended. */
  readonly clientName: string;
  /** The transaction, where it is about one. */
  readonly id: string | undefined;
  /** Why. */
  readonly error: unknown;
}

const checks: Record<keyof RecoverTwoPhaseOptions, Check> = { abandonedAfter: milliseconds(0) };

/**
 * Ends what two-phase commits have left prepared whose process is gone: commits what is decided, and rolls back what is not. Any
 * process may run it, several at once, and as often as they like. What others have prepared is never touched.
 *
 * ```ts
 * const { failures } = await recoverTwoPhase(database, ['orders', 'payments']);
 * ```
 * @param clientNames all clients on which `twoPhase` is used, in any order
 * @throws TwoPhaseTablesMissingError where none of them has the tables; TwoPhaseInTransactionError, TwoPhaseUnsupportedError,
 * UnknownClientError, InvalidOptionError
 */
export async function recoverTwoPhase<Name extends string = string>(
  database: Database<Name>,
  clientNames: readonly Name[],
  options: RecoverTwoPhaseOptions = {},
): Promise<TwoPhaseRecovery> {
  checkDatabase('recoverTwoPhase', database);
  const { abandonedAfter = 60_000 } = readOptions('recoverTwoPhase', options, checks);
  const clients = clientsNamed('recoverTwoPhase', database, clientNames, 2);
  refuseInTransaction('recoverTwoPhase');
  return await new Recovery(clients, Date.now() - abandonedAfter).run();
}

/** A client on which decisions are written, by what names its database. */
type Homes = ReadonlyMap<string, TwoPhaseClient>;

class Recovery {
  readonly #clients: readonly TwoPhaseClient[];
  readonly #before: number;
  readonly #committed: RecoveredPart[] = [];
  readonly #rolledBack: RecoveredPart[] = [];
  readonly #failures: RecoveryFailure[] = [];
  /** Parts that are still prepared, and clients whose parts are not known. */
  readonly #open = new Set<string>();
  readonly #unseen = new Set<string>();

  /** @param before transactions that were begun later are left alone; in milliseconds since 1970 */
  constructor(clients: readonly TwoPhaseClient[], before: number) {
    this.#clients = clients;
    this.#before = before;
  }

  async run(): Promise<TwoPhaseRecovery> {
    const homes = await this.#homes();
    // Read first: what is decided was prepared before, so that it is listed now unless it has ended.
    const decided = new Map<TwoPhaseClient, readonly CommittedRow[]>();
    for (const client of homes.values()) {
      await this.#attempt(client, undefined, async () => {
        decided.set(client, await readCommitted(client.db, this.#before));
      });
    }
    for (const client of this.#clients) await this.#attempt(client, undefined, () => this.#end(client, homes));
    for (const [client, rows] of decided) {
      const over = rows.filter((row) => this.#isOver(row)).map(({ id }) => id);
      await this.#attempt(client, undefined, () => forget(client.db, over));
    }
    return { committed: this.#committed, rolledBack: this.#rolledBack, failures: this.#failures };
  }

  /** Whether a decision was carried out on all of its clients. */
  #isOver({ id, clientNames }: CommittedRow): boolean {
    const isSeen = (name: string): boolean =>
      !this.#unseen.has(name) && this.#clients.some(({ client }) => client.name === name);
    return clientNames.every(isSeen) && ![...this.#open].some((name) => name.startsWith(`${id}_`));
  }

  async #homes(): Promise<Homes> {
    const homes = new Map<string, TwoPhaseClient>();
    let missing: unknown;
    for (const client of this.#clients) {
      await this.#attempt(client, undefined, async () => {
        try {
          homes.set(await homeOf(client), client);
        } catch (error) {
          if (!isInstance(error, TwoPhaseTablesMissingError)) throw error;
          missing ??= error;
        }
      });
    }
    if (homes.size === 0 && missing !== undefined && this.#failures.length === 0) throw missing;
    return homes;
  }

  /** Ends what is prepared on a client. */
  async #end(client: TwoPhaseClient, homes: Homes): Promise<void> {
    const { rows } = await runOn(client, [client.dialect.list]);
    for (const row of rows) {
      const name = client.dialect.idIn(row);
      const part = readPartName(name);
      const home = part === undefined ? undefined : homes.get(part.home);
      // It is of others, or its decision is written on a client that was not named.
      if (part === undefined || home === undefined) continue;
      this.#open.add(name);
      if (this.#isOfAnother(client, part)) continue;
      if (part.begunAt > this.#before) continue;
      await this.#attempt(client, part, () => this.#endPart(client, { name, part, home }));
    }
  }

  /** MariaDB and MySQL list what is prepared in all databases of the server; and clients may share a database. */
  #isOfAnother({ client }: TwoPhaseClient, { mark }: PartName): boolean {
    if (mark === undefined || mark === markOf(client.name)) return false;
    return this.#clients.some((each) => mark === markOf(each.client.name));
  }

  async #endPart(
    on: TwoPhaseClient,
    { name, part, home }: { readonly name: string; readonly part: PartName; readonly home: TwoPhaseClient },
  ): Promise<void> {
    const { client, dialect } = on;
    const isCommitted = (await decide(home.db, part.id)) === 'committed';
    try {
      await runOn(on, dialect.elsewhere(isCommitted ? dialect.commit(name) : dialect.rollback(name)));
    } catch (error) {
      // Another process was first; or the server has not noticed yet that the connection is gone which has prepared it.
      if (dialect.isGone(error)) return;
      throw error;
    }
    this.#open.delete(name);
    (isCommitted ? this.#committed : this.#rolledBack).push({ id: part.id, clientName: client.name });
  }

  /** Goes on with the others where something fails. */
  async #attempt({ client }: TwoPhaseClient, part: PartName | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (part === undefined) this.#unseen.add(client.name);
      this.#failures.push({ clientName: client.name, id: part?.id, error });
    }
  }
}
