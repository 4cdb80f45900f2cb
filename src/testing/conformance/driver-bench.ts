import type { ClientDefinition, Driver, DriverConnection, Exchange, Statement, Step } from '../../driver/index.ts';
import { expectEqual, expectThat } from './expect.ts';

/** The commands of the engine that the checks send. They work on one table (or what the engine has) of unique ids. */
export interface DriverStatements {
  /** Adds a row with an id; fails with a unique violation if there is one. */
  readonly insert: (id: number) => Statement;
  /** Gives the rows in the order of their ids, each as `{ id: number }`. */
  readonly readAll: Statement;
  /** Fails on the server, whenever it is sent, with an ordinary error. */
  readonly failing: Statement;
  /** Text that begins or ends a transaction, which programs may not send: `commit`. */
  readonly control: string;
  /** Takes much longer than the checks wait, unless it is cancelled. */
  readonly slow?: Statement | undefined;
}

export const begin: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };
export const commit: Step = { type: 'commit' };
export const rollback: Step = { type: 'rollback' };

/** A driver on which one check is made, with the connections that it opens. */
export class DriverBench {
  readonly client: ClientDefinition;
  readonly statements: DriverStatements;
  readonly #cut: ((connection: DriverConnection) => Promise<void>) | undefined;
  readonly #connections: DriverConnection[] = [];

  constructor(
    client: ClientDefinition,
    statements: DriverStatements,
    cut: ((connection: DriverConnection) => Promise<void>) | undefined,
  ) {
    this.client = client;
    this.statements = statements;
    this.#cut = cut;
  }

  get driver(): Driver {
    return this.client.driver;
  }

  async connect(): Promise<DriverConnection> {
    const connection = await this.driver.connect(new AbortController().signal);
    this.#connections.push(connection);
    return connection;
  }

  async cut(connection: DriverConnection): Promise<void> {
    await this.#cut?.(connection);
  }

  insert(id: number): Step {
    return statementStep(this.statements.insert(id));
  }

  get readAll(): Step {
    return statementStep(this.statements.readAll);
  }

  get failing(): Step {
    return statementStep(this.statements.failing);
  }

  /** The ids that a connection of its own sees. */
  async ids(): Promise<readonly unknown[]> {
    const connection = await this.connect();
    const exchange = await connection.run([this.readAll]);
    await connection.close();
    expectSuccess('reading the rows', exchange, 1);
    return (exchange.results[0]?.rows ?? []).map(({ id }) => id);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.destroy()));
  }
}

export function statementStep(statement: Statement): Step {
  return { type: 'statement', statement };
}

/** @throws AssertionError unless all steps of an exchange succeeded */
export function expectSuccess(what: string, { completed, failure }: Exchange, steps: number): void {
  if (failure !== undefined) expectThat(`${what} succeeds; it failed with ${String(failure.error)}`, false);
  expectEqual(`"completed" of ${what}`, completed, steps);
}
