// An event store over Dumbo, as event stores of Node are: it is given a pool, appends in a transaction of its own, and runs
// its inline projections in that.
import { type Dumbo, dumbo, sql } from '@event-driven-io/dumbo';
import type pg from 'pg';

export const storeTables = [
  'create table stream (id text primary key, version int not null)',
  'create table event (stream text not null, version int not null, type text not null, primary key (stream, version))',
  'create table projected (stream text primary key, events int not null)',
] as const;

export interface StoredEvent {
  readonly type: string;
}

export class VersionConflict extends Error {
  readonly expected: number;
  readonly found: number;

  constructor(stream: string, expected: number, found: number) {
    super(`stream "${stream}" is at version ${found}, not ${expected}`);
    this.expected = expected;
    this.found = found;
  }
}

export interface EventStore {
  /** @returns the version after it */
  appendToStream(
    stream: string,
    events: readonly StoredEvent[],
    options?: { readonly expectedVersion?: number },
  ): Promise<number>;
  readStream(stream: string): Promise<readonly StoredEvent[]>;
}

/** Runs in the transaction of an append. */
export type InlineProjection = (stream: string, events: readonly StoredEvent[]) => Promise<void>;

export function openEventStore(pool: pg.Pool, project: InlineProjection = async () => {}): EventStore {
  // It asks for a connection string beside a pool, and connects with it to nothing.
  const store: Dumbo = dumbo({ connectionString: 'postgres://127.0.0.1:1/none', pool });
  return {
    appendToStream: (stream, events, { expectedVersion } = {}) =>
      store.withTransaction(async ({ execute }) => {
        await execute.command(sql('insert into stream values (%L, 0) on conflict do nothing', stream));
        const { rows } = await execute.query<{ version: number }>(
          sql('select version from stream where id = %L for update', stream),
        );
        const found = rows[0]?.version ?? 0;
        if (expectedVersion !== undefined && expectedVersion !== found)
          throw new VersionConflict(stream, expectedVersion, found);
        for (const [index, { type }] of events.entries())
          await execute.command(sql('insert into event values (%L, %s, %L)', stream, found + index + 1, type));
        const version = found + events.length;
        await execute.command(sql('update stream set version = %s where id = %L', version, stream));
        await project(stream, events);
        return { success: true, result: version };
      }),
    async readStream(stream) {
      const { rows } = await store.execute.query<{ type: string }>(
        sql('select type from event where stream = %L order by version', stream),
      );
      return rows;
    },
  };
}
