import type { Database, Db } from '../../index.ts';
import type { Statement } from '../../driver/index.ts';
import type { NewOutboxRow, OutboxDialect, OutboxRow } from '../../outbox/index.ts';

/** A dialect and a database on which one check is made. */
export class OutboxBench {
  readonly dialect: OutboxDialect;
  readonly database: Database;

  constructor(dialect: OutboxDialect, database: Database) {
    this.dialect = dialect;
    this.database = database;
  }

  get db(): Db {
    return this.database.getDb();
  }

  async create(): Promise<void> {
    for (const text of this.dialect.create) await this.db.query(text);
  }

  async run({ text, values }: Statement): Promise<readonly Record<string, unknown>[]> {
    return (await this.db.query(text, values)).rows;
  }

  async add(...messages: readonly NewOutboxRow[]): Promise<void> {
    for (const statement of this.dialect.add(messages)) await this.run(statement);
  }

  /**
   * Claims messages as a relay does, and does something before they are given back.
   * @returns the claimed rows
   */
  async claim(
    channel: string,
    limit: number,
    whileClaimed: (rows: readonly OutboxRow[]) => Promise<void> = () => Promise.resolve(),
    level = 0,
  ): Promise<readonly OutboxRow[]> {
    const db = this.database.getDb({ level });
    const { giveBack } = this.dialect;
    const take = async (): Promise<readonly OutboxRow[]> => {
      const rows = await this.dialect.claim(db, channel, limit);
      await whileClaimed(rows);
      return rows;
    };
    if (giveBack === undefined) return await db.transaction.begin(take, { isolationLevel: 'READ_COMMITTED' });
    const rows = await take();
    if (rows.length > 0) await this.run(giveBack(rows.map(({ id }) => id)));
    return rows;
  }

  /** The messages that are due. */
  async due(channel = 'broker'): Promise<readonly string[]> {
    return (await this.claim(channel, 100)).map(({ job_id }) => job_id);
  }

  /** The row of a message that is due. */
  async row(jobId: string): Promise<OutboxRow> {
    const found = (await this.claim('broker', 100)).find(({ job_id }) => job_id === jobId);
    if (found === undefined) throw new Error(`the message ${jobId} is not claimed`);
    return found;
  }
}

/** A message of the channel `broker`. */
export function messageOf(jobId: string, options: Partial<NewOutboxRow> = {}): NewOutboxRow {
  return { channel: 'broker', jobId, queue: 'sales', key: null, payload: '{"sold":1}', context: '{}', ...options };
}
