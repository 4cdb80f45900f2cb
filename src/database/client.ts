import type { DatabaseAddress } from '../channels/index.ts';
import { type Clock, nextId } from '../core/index.ts';
import { type ClientDefinition, type Driver, type DriverConnection, textShower } from '../driver/index.ts';
import { isAlive, openConnection, Pool, poolSettings } from '../pool/index.ts';
import { SharedReads } from '../reads/index.ts';
import { ClientSettings } from '../riders/index.ts';
import {
  LockWatch,
  type LoneReads,
  type TransactionalClient,
  type UnboundTreatment,
  WorkInProgress,
} from '../connection/index.ts';

export interface ClientDependencies {
  readonly database: object;
  readonly clock: Clock;
  readonly random: () => number;
  readonly hookLimit: number;
  readonly unbound: UnboundTreatment;
  readonly lockProbeAfter: number | undefined;
}

/** A named datasource of a database: its driver and its one pool of this process. */
export class Client implements TransactionalClient {
  readonly name: string;
  readonly poolId: string = nextId();
  readonly database: object;
  readonly driver: Driver;
  readonly pool: Pool<DriverConnection>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly hookLimit: number;
  readonly unbound: UnboundTreatment;
  readonly work: WorkInProgress = new WorkInProgress();
  readonly locks: LockWatch;
  readonly settings: ClientSettings | undefined;
  readonly reads: LoneReads | undefined;
  readonly show: (text: string) => string;
  readonly #end = new AbortController();
  #address: DatabaseAddress | undefined;

  /** As it is known now: what a server is, it tells itself. */
  get address(): DatabaseAddress {
    return this.driver.address ?? (this.#address ??= { system: this.driver.dialect });
  }

  constructor(name: string, { driver, pool, settings: byContext }: ClientDefinition, dependencies: ClientDependencies) {
    const { clock, random } = dependencies;
    this.name = name;
    this.database = dependencies.database;
    this.driver = driver;
    this.clock = clock;
    this.random = random;
    this.hookLimit = dependencies.hookLimit;
    this.unbound = dependencies.unbound;
    this.show = textShower((each) => driver.quoteName(each));
    this.locks = new LockWatch({ clientName: name, driver, clock, after: dependencies.lockProbeAfter });
    if (byContext !== undefined && driver.settings !== undefined)
      this.settings = new ClientSettings(name, driver.settings, byContext);
    // With settings each is a transaction of its own.
    if (driver.sharesReads === true && this.settings === undefined) this.reads = new SharedReads(this);
    const settings = poolSettings(name, pool);
    const { acquireTimeout } = settings;
    const { signal } = this.#end;
    this.pool = new Pool({
      clientName: name,
      settings,
      clock,
      random,
      target: driver.target,
      open: () => openConnection({ driver, clientName: name, acquireTimeout, clock, signal }),
      isSound: (connection) => isAlive(connection, clock),
    });
  }

  get shortage(): { readonly cause: unknown } | undefined {
    return this.pool.shortage;
  }

  /** Ends every connection, also those that are being opened. */
  async end(): Promise<void> {
    this.#end.abort(new Error('the database was closed'));
    await Promise.all([this.pool.end(), this.locks.end()]);
  }
}
