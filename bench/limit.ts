// The least that a client has to do: messages made beforehand, on the bare sockets of prepared connections, whose answers nobody
// reads. Nothing in between can be faster on the same machine with as many round trips.
import type { Socket } from 'node:net';
import pg from 'pg';
import { WriteBuffer } from '../src/drivers/postgres/exchange/flight.ts';
import { internalsOf } from '../src/drivers/postgres/wire/pg-types.ts';
import { idFor, rows, update, width } from './contenders.ts';

const writer = new WriteBuffer(internalsOf(new pg.Client()).connection);
const message = (write: (to: WriteBuffer['to']) => void): Buffer => writer.record(() => write(writer.to));
const run = (statement: string, values: readonly string[] = []): Buffer =>
  message((to) => {
    to.bind({ statement, values });
    to.execute();
  });
const sync = message((to) => to.sync());
const begin = run('begin');
const commit = Buffer.concat([run('commit'), sync]);
const updates = Array.from({ length: rows + 1 }, (_, id) => Buffer.concat([run('update', [String(id)]), sync]));
const firstUpdates = updates.map((each) => Buffer.concat([begin, each]));
const prepare = message((to) => {
  for (const [name, text] of Object.entries({ begin: 'BEGIN', commit: 'COMMIT', update })) to.parse({ name, text });
  to.sync();
});

/** `Z`, its length of 5, and the state of the transaction: the server is ready for the next. */
function endsReady(chunk: Buffer): boolean {
  return chunk.length >= 6 && chunk[chunk.length - 6] === 0x5a && chunk[chunk.length - 2] === 5;
}

class BareConnection {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  #onReady: (() => void) | undefined;

  private constructor(client: pg.Client) {
    this.#client = client;
    this.#socket = internalsOf(client).connection.stream as unknown as Socket;
    this.#socket.removeAllListeners('data');
    this.#socket.on('data', (chunk: Buffer) => {
      if (endsReady(chunk)) this.#onReady?.();
    });
  }

  static async open(connectionString: string): Promise<BareConnection> {
    const client = new pg.Client(connectionString);
    await client.connect();
    const connection = new BareConnection(client);
    await connection.exchange(prepare);
    return connection;
  }

  exchange(sent: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#onReady = resolve;
      this.#socket.write(sent);
    });
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

/** Bare connections, as many as the others have, and who waits for one. */
export class Limit {
  readonly #all: readonly BareConnection[];
  readonly #idle: BareConnection[];
  readonly #waiting: ((connection: BareConnection) => void)[] = [];

  private constructor(connections: readonly BareConnection[]) {
    this.#all = connections;
    this.#idle = [...connections];
  }

  static async open(connectionString: string): Promise<Limit> {
    return new Limit(await Promise.all(Array.from({ length: width }, () => BareConnection.open(connectionString))));
  }

  transaction(statements: number): () => Promise<void> {
    return async () => {
      const connection = await this.#take();
      await connection.exchange(firstUpdates[idFor(0)] ?? commit);
      for (let index = 1; index < statements; index += 1) await connection.exchange(updates[idFor(index)] ?? commit);
      await connection.exchange(commit);
      this.#give(connection);
    };
  }

  nested(): () => Promise<void> {
    const inner = this.transaction(1);
    return async () => {
      const connection = await this.#take();
      await connection.exchange(firstUpdates[idFor(4)] ?? commit);
      await inner();
      await connection.exchange(commit);
      this.#give(connection);
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((connection) => connection.close()));
  }

  #take(): BareConnection | Promise<BareConnection> {
    return this.#idle.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(connection: BareConnection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else next(connection);
  }
}
