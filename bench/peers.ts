import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase } from '../src/index.ts';
import { createDataSource } from '../src/integrations/typeorm/index.ts';
import type { Contender } from './rounds.ts';

/** A package for ambient transactions, on TypeORM. */
interface Peer {
  readonly name: string;
  readonly run: (body: () => Promise<unknown>) => Promise<unknown>;
  readonly query: (text: string, values: readonly unknown[]) => Promise<unknown>;
}

interface Peers {
  readonly contenders: readonly Peer[];
  close(): Promise<void>;
}

export interface PeerWorkload {
  readonly name: string;
  readonly callers: number;
  readonly contenders: readonly Contender[];
}

const folder = fileURLToPath(new URL('peers/', import.meta.url));
const table = 'sluice_bench_peers';
const width = 10;
const update = `update ${table} set value = value + 1 where id = $1`;

export async function openPeerArena(
  url: string,
): Promise<{ workloads: readonly PeerWorkload[]; close(): Promise<void> }> {
  if (!existsSync(`${folder}node_modules`)) {
    const { status } = spawnSync('npm', ['ci', '--silent'], { cwd: folder, stdio: 'inherit' });
    if (status !== 0) throw new Error('the other packages could not be installed');
  }
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`drop table if exists ${table}`);
  await admin.query(`create table ${table} (id int primary key, value int not null) with (fillfactor = 50)`);
  await admin.query(`insert into ${table} select id, 0 from generate_series(1, 1000) id`);
  // Not known to the compiler: it is installed for the benchmark alone.
  const { openPeers } = (await import(pathToFileURL(`${folder}contenders.mjs`).href)) as {
    readonly openPeers: (connection: string, poolSize: number) => Promise<Peers>;
  };
  const peers = await openPeers(url, width);
  const client = postgres({ connectionString: url, max: width, maxLevel: 1, budget: width });
  const database = createDatabase({ clients: { default: client } });
  const dataSource = await createDataSource(database).initialize();
  const sluice: Peer = {
    name: 'sluice',
    run: (body) => dataSource.inTransaction(body),
    query: (text, values) => dataSource.manager.query(text, [...values]),
  };
  const all = [...peers.contenders, sluice];
  return {
    workloads: [1, 16].flatMap((callers) => [
      { name: `one statement, ${callers} callers`, callers, contenders: all.map((peer) => statements(peer, 1)) },
      { name: `5 statements, ${callers} callers`, callers, contenders: all.map((peer) => statements(peer, 5)) },
      { name: `3 joined scopes, ${callers} callers`, callers, contenders: all.map(joined) },
    ]),
    async close() {
      await peers.close();
      await dataSource.destroy();
      await database.close();
      await admin.query(`drop table ${table}`);
      await admin.end();
    },
  };
}

function statements(peer: Peer, count: number): Contender {
  return {
    name: peer.name,
    run: () =>
      peer.run(async () => {
        for (let at = 0; at < count; at += 1) await peer.query(update, [idFor(at)]);
      }),
  };
}

/** A service that calls a service that calls a service. */
function joined(peer: Peer): Contender {
  return { name: peer.name, run: () => peer.run(() => peer.run(() => peer.run(() => peer.query(update, [idFor(0)])))) };
}

/** Ids in ascending fifths of the table, so that concurrent transactions never deadlock on rows. */
function idFor(statement: number): number {
  return 1 + statement * 200 + Math.floor(Math.random() * 200);
}
