import type { DatabaseSync } from 'node:sqlite';
import type {
  Backend,
  ConnectionStatus,
  DriverConnection,
  Exchange,
  Failure,
  QueryResult,
  Step,
} from '../../driver/index.ts';
import { describeFailure, isBusy } from './failure.ts';
import { bind, type BoundStatement, Statements } from './statements.ts';
import type { Store } from './store.ts';
import { sharedByCopies } from '../../core/index.ts';

/** Who has a transaction open on the same database in this process, and how long others wait for it. */
export interface Neighbours {
  readonly inTransaction: Set<object>;
  readonly excludesReaders: boolean;
  /** In milliseconds. */
  readonly busyTimeout: number;
}

const firstPause = 1;
const longestPause = 25;
/** How long connections of the process may keep the event loop to themselves, with statements that are short. In milliseconds. */
const longestTurn = 1;

/** Of all copies of the package, so that no two connections have the same number. */
const connections = sharedByCopies('sqlite-connections', () => ({ opened: 0 }));
let lastYield = 0;

/**
 * A connection of node:sqlite. Its statements run on the thread of the program, each as a whole; between them
 * others get their turn. It never waits inside of SQLite: while another connection writes it tries again, and its
 * caller may end the wait.
 */
export class SqliteConnection implements DriverConnection {
  readonly #id: number;
  readonly #database: DatabaseSync;
  readonly #identity: string;
  readonly #neighbours: Neighbours;
  readonly #statements: Statements;
  #open = false;
  #writes = false;
  #isRunning = false;
  /** Of what is under way. */
  #cancelled: (() => void) | undefined;
  #isCancelled = false;
  #isBlocked = false;
  #onBlocked: (() => void) | undefined;

  constructor(store: Store, neighbours: Neighbours) {
    connections.opened += 1;
    this.#id = connections.opened;
    this.#database = store.open();
    this.#identity = store.identity();
    this.#neighbours = neighbours;
    this.#statements = new Statements(this.#database);
  }

  /** Also tells whether it keeps others out. */
  get backend(): Backend {
    const excludes = this.#open && (this.#writes || this.#neighbours.excludesReaders);
    return { id: this.#id, startedAt: `${this.#identity}${excludes ? exclusive : ''}` };
  }

  get status(): ConnectionStatus {
    if (!this.#database.isOpen) return 'lost';
    if (!this.#open) return 'idle';
    return this.#database.isTransaction ? 'active' : 'failed';
  }

  async run(steps: readonly Step[]): Promise<Exchange> {
    const bound = steps.map((step) => (step.type === 'statement' ? bind(step.statement) : undefined));
    const results: QueryResult[] = [];
    let completed = 0;
    let failure: Failure | undefined;
    let ended: Exchange['ended'];
    this.#isRunning = true;
    this.#isCancelled = this.#isBlocked = false;
    try {
      await takeTurn();
      for (const [index, step] of steps.entries()) {
        const isWhole = this.status !== 'failed';
        failure = await this.#attempt(() => this.#carryOut(step, bound[index], results));
        if (failure?.kind === 'connectionLost' && completed === 0) failure = { ...failure, reached: 'unsent' };
        if (failure !== undefined) break;
        if (step.type === 'commit') ended = isWhole ? 'committed' : 'rolledBack';
        if (step.type === 'rollback') ended = 'rolledBack';
        completed += 1;
      }
      // A COMMIT that was refused leaves its transaction open.
      if (failure !== undefined && steps[completed]?.type === 'commit') this.#end('ROLLBACK');
    } finally {
      this.#isRunning = false;
      this.#onBlocked = undefined;
    }
    return { completed, results, failure: this.#judged(failure), ended };
  }

  cancel(): Promise<void> {
    if (this.#isRunning) {
      this.#isCancelled = true;
      this.#cancelled?.();
    }
    return Promise.resolve();
  }

  onBlocked(callback: () => void): void {
    if (this.#isBlocked) callback();
    else this.#onBlocked = callback;
  }

  onDeath(): void {
    // There is no other side that could go away.
  }

  close(): Promise<void> {
    return this.destroy();
  }

  destroy(): Promise<void> {
    this.#neighbours.inTransaction.delete(this);
    this.#open = false;
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
  }

  #carryOut(step: Step, statement: BoundStatement | undefined, results: QueryResult[]): void {
    switch (step.type) {
      case 'begin':
        this.#throwIfKeptOut();
        this.#database.exec(step.characteristics.readOnly ? 'BEGIN' : 'BEGIN IMMEDIATE');
        if (step.characteristics.readOnly) this.#database.exec('PRAGMA query_only = 1');
        this.#begun(!step.characteristics.readOnly);
        return;
      case 'commit':
        this.#end('COMMIT');
        return;
      case 'rollback':
        this.#end('ROLLBACK');
        return;
      case 'savepoint':
        this.#database.exec(`SAVEPOINT ${step.name}`);
        return;
      case 'release':
        this.#database.exec(`RELEASE ${step.name}`);
        return;
      case 'rollbackTo':
        this.#database.exec(`ROLLBACK TO ${step.name}`);
        return;
      case 'statement':
        if (!this.#open) this.#throwIfKeptOut();
        if (statement !== undefined) results.push(this.#run(statement));
    }
  }

  /** A text may begin or end a transaction, where its caller has the connection to itself. */
  #run(statement: BoundStatement): QueryResult {
    const result = this.#statements.run(statement);
    if (statement.facts.kind === 'control' && this.#database.isTransaction !== this.#open) {
      if (this.#open) this.#ended();
      else this.#begun(true);
    }
    return result;
  }

  #begun(writes: boolean): void {
    this.#open = true;
    this.#writes = writes;
    this.#neighbours.inTransaction.add(this);
  }

  /** @throws the error of SQLite, which leaves the transaction open */
  #end(text: 'COMMIT' | 'ROLLBACK'): void {
    if (this.#database.isTransaction) this.#database.exec(text);
    this.#ended();
  }

  #ended(): void {
    if (this.#open && !this.#writes) this.#database.exec('PRAGMA query_only = 0');
    this.#open = this.#writes = false;
    this.#neighbours.inTransaction.delete(this);
  }

  /** A database in memory would let a writer begin, and refuse its COMMIT because of concurrent readers. */
  #throwIfKeptOut(): void {
    const { inTransaction, excludesReaders } = this.#neighbours;
    if (excludesReaders && inTransaction.size > 0 && !inTransaction.has(this)) throw new KeptOutError();
  }

  /** Retries while other connections hold the lock. @returns the failure, once it gives up */
  async #attempt(work: () => void): Promise<Failure | undefined> {
    const deadline = performance.now() + this.#neighbours.busyTimeout;
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      try {
        // While it waited for its turn, or for the writer.
        if (!this.#database.isOpen) return { kind: 'connectionLost', error: new Error('the connection was closed') };
        if (this.#isCancelled) return { kind: 'cancelled', error: new Error('the wait for the writer was cancelled') };
        work();
        return undefined;
      } catch (error) {
        const mayWait = (isBusy(error) || error instanceof KeptOutError) && performance.now() < deadline;
        if (!mayWait) return error instanceof KeptOutError ? { kind: 'serialization', error } : describeFailure(error);
      }
      this.#isBlocked = true;
      const onBlocked = this.#onBlocked;
      this.#onBlocked = undefined;
      onBlocked?.();
      await this.#pause(pause);
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#cancelled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Some failures end the transaction as a whole, and SQLite tells whether it is still there. */
  #judged(failure: Failure | undefined): Failure | undefined {
    return failure !== undefined && this.status === 'failed' ? { ...failure, endsTransaction: true } : failure;
  }
}

/** Marks the backend of who keeps others out. */
const exclusive = ' exclusively';

/** Those that keep `backend` out, if they do: they have the same database to themselves. */
export function blockersAmong(suspects: readonly Backend[], { startedAt = '' }: Backend): readonly Backend[] {
  const identity = startedAt.replace(exclusive, '');
  return suspects.filter((suspect) => suspect.startedAt === `${identity}${exclusive}`);
}

/** Another connection has a transaction open. */
class KeptOutError extends Error {
  readonly code = 'SQLITE_BUSY';

  constructor() {
    super('database is locked: another transaction is open on the database in memory');
  }
}

/** Lets others have the event loop, unless they had it just now. */
function takeTurn(): Promise<void> | undefined {
  const now = performance.now();
  if (now - lastYield < longestTurn) return undefined;
  return new Promise((resolve) => {
    setImmediate(() => {
      lastYield = performance.now();
      resolve();
    });
  });
}
