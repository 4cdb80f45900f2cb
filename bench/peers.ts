import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase, statement } from '../src/index.ts';
import { startDelayProxy } from './delay-proxy.ts';
import type { Contender } from './rounds.ts';

/** What a transaction of a package can do; without `nested` or `joined` it has no such scopes. */
interface Scope {
  readonly update: (id: number) => PromiseLike<unknown>;
  readonly nested?: (inner: () => Promise<unknown>) => Promise<unknown>;
  readonly joined?: (inner: () => Promise<unknown>) => Promise<unknown>;
}

type Run = (
  body: (scope: Scope) => Promise<unknown>,
  options?: { readonly isolation?: 'serializable' },
) => Promise<unknown>;

/** A package at its best settings, with plain SQL. */
interface Peer {
  readonly name: string;
  readonly run: Run;
  readonly requiresNew: Run;
  readonly read: (id: number) => PromiseLike<unknown>;
  /** Five statements that are known beforehand, where that is something of its own. */
  readonly batch?: (ids: readonly number[]) => Promise<unknown>;
  close(): Promise<unknown>;
}

interface Target {
  readonly url: string;
  readonly width: number;
  readonly table: string;
  readonly update: string;
  readonly read: string;
}

interface PeerModule {
  readonly name: string;
  readonly open: (target: Target) => Promise<Omit<Peer, 'name'>>;
}

export interface PeerWorkload {
  readonly name: string;
  readonly callers: number;
  readonly contenders: readonly Contender[];
}

export interface PeerArena {
  readonly workloads: readonly PeerWorkload[];
  close(): Promise<void>;
}

/** What all others are measured against. */
export const measure = 'raw pg';
const folder = fileURLToPath(new URL('peers/', import.meta.url));
const table = 'sluice_bench_peers';
const width = 10;
const update = `update ${table} set value = value + 1 where id = $1`;
const read = `select value from ${table} where id = $1`;

/** So many at once that their connections fit into a server of 100. */
export const groups: readonly (readonly string[])[] = [
  ['postgres.js', 'Kysely', 'Drizzle', 'Knex', 'Prisma'],
  ['typeorm-transactional', 'nestjs-cls on TypeORM', 'MikroORM', 'Sequelize'],
];

/**
 * The packages of a group, with raw `pg` and Sluice among them.
 * @param delay milliseconds between them and the server, each way
 */
export async function openPeerArena(url: string, group: readonly string[], delay: number): Promise<PeerArena> {
  installPeers();
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`drop table if exists ${table}`);
  await admin.query(`create table ${table} (id int primary key, value int not null) with (fillfactor = 50)`);
  await admin.query(`insert into ${table} select id, 0 from generate_series(1, 1000) id`);
  const proxy = delay === 0 ? undefined : await startDelayProxy(url, delay);
  const peers = await openAll({ url: proxy?.url ?? url, width, table, update, read }, group);
  return {
    workloads: proxy === undefined ? await nearWorkloads(peers) : farWorkloads(peers, delay),
    async close() {
      for (const peer of peers) await peer.close();
      await proxy?.close();
      await admin.query(`drop table ${table}`);
      await admin.end();
    },
  };
}

async function nearWorkloads(peers: readonly Peer[]): Promise<PeerWorkload[]> {
  const [joining, nesting] = [await able(peers, 'joined'), await able(peers, 'nested')];
  return [
    ...[1, 5].flatMap((count) =>
      [1, 16, 64].map((callers) => ({
        name: `${count === 1 ? 'one statement' : `${count} statements`}, ${callers} callers`,
        callers,
        contenders: each(peers, (peer) => statements(peer, count)),
      })),
    ),
    ...[1, 2, 3, 4, 5, 6].map((depth) => ({
      name: `${depth} joined ${depth === 1 ? 'scope' : 'scopes'}, 16 callers`,
      callers: 16,
      // Raw pg has none, and is what one statement costs.
      contenders: each(
        peers.filter((peer) => peer.name === measure || joining.has(peer)),
        (peer) => joined(peer, depth),
      ),
    })),
    {
      name: 'NESTED, 16 callers',
      callers: 16,
      contenders: each(
        peers.filter((peer) => nesting.has(peer)),
        nested,
      ),
    },
    { name: 'outer and REQUIRES_NEW, 5 callers', callers: 5, contenders: each(peers, requiresNew) },
    {
      name: 'plain read, 16 callers',
      callers: 16,
      contenders: each(peers, (peer) => () => asPromise(peer.read(idFor(0)))),
    },
  ];
}

function farWorkloads(peers: readonly Peer[], delay: number): PeerWorkload[] {
  const name = (what: string): string => `${delay} ms each way, ${what}, 1 caller`;
  const isolated = (peer: Peer) => () =>
    peer.run((scope) => asPromise(scope.update(idFor(0))), { isolation: 'serializable' });
  return [
    { name: name('one statement'), callers: 1, contenders: each(peers, (peer) => statements(peer, 1)) },
    { name: name('SERIALIZABLE'), callers: 1, contenders: each(peers, isolated) },
    {
      name: name('a batch of 5'),
      callers: 1,
      contenders: each(peers, (peer) => {
        const { batch } = peer;
        return batch === undefined ? statements(peer, 5) : () => batch([0, 1, 2, 3, 4].map(idFor));
      }),
    },
  ];
}

function each(peers: readonly Peer[], run: (peer: Peer) => () => Promise<unknown>): Contender[] {
  return peers.map((peer) => ({ name: peer.name, run: run(peer) }));
}

export function installPeers(): void {
  if (existsSync(`${folder}node_modules/.package-lock.json`)) return;
  const { status } = spawnSync('npm', ['ci', '--silent'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error('the other packages could not be installed');
}

async function openAll(target: Target, group: readonly string[]): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const file of readdirSync(`${folder}sql`).toSorted()) {
    // Not known to the compiler: they are installed for the benchmark alone.
    const { name, open } = (await import(pathToFileURL(`${folder}sql/${file}`).href)) as PeerModule;
    if (name === measure || group.includes(name)) peers.push({ name, ...(await open(target)) });
  }
  return [...peers, openSluice(target)];
}

function openSluice({ url }: Target): Peer {
  // Raw `pg` has as many connections: no level but 0 needs one here, but for REQUIRES_NEW.
  const database = createDatabase({
    clients: { default: postgres({ connectionString: url, max: width, maxLevel: 1, budget: width }) },
  });
  const scope: Scope = {
    update: (id) => database.current.query(update, [id]),
    nested: (inner) => database.transaction(inner, { propagation: 'NESTED' }),
    joined: (inner) => database.transaction(inner),
  };
  return {
    name: 'sluice',
    run: (body, { isolation } = {}) =>
      database.transaction(() => body(scope), isolation === undefined ? {} : { isolationLevel: 'SERIALIZABLE' }),
    requiresNew: (body) => database.transaction(() => body(scope), { propagation: 'REQUIRES_NEW' }),
    read: (id) => database.current.query(read, [id]),
    batch: (ids) => database.current.batch(ids.map((id) => statement(update, [id]))),
    close: () => database.close(),
  };
}

function statements(peer: Peer, count: number): () => Promise<unknown> {
  return () =>
    peer.run(async ({ update: send }) => {
      for (let at = 0; at < count; at += 1) await send(idFor(at));
    });
}

/** Services that call each other, of which the innermost one writes. */
function joined(peer: Peer, depth: number): () => Promise<unknown> {
  return () =>
    peer.run((scope) => {
      const inner = (left: number): Promise<unknown> =>
        left === 0 || scope.joined === undefined
          ? asPromise(scope.update(idFor(0)))
          : scope.joined(() => inner(left - 1));
      return inner(depth - 1);
    });
}

function nested(peer: Peer): () => Promise<unknown> {
  return () =>
    peer.run(async (scope) => {
      await scope.update(idFor(0));
      await scope.nested?.(() => asPromise(scope.update(idFor(1))));
    });
}

/** With 5 callers on 10 connections nobody waits for himself. */
function requiresNew(peer: Peer): () => Promise<unknown> {
  return () =>
    peer.run(async ({ update: send }) => {
      await send(idFor(4));
      await peer.requiresNew(({ update: inner }) => asPromise(inner(idFor(0))));
    });
}

/** The packages that have such scopes, which shows in a transaction. */
async function able(peers: readonly Peer[], what: 'nested' | 'joined'): Promise<ReadonlySet<Peer>> {
  const found = new Set<Peer>();
  for (const peer of peers) {
    await peer.run(async (scope) => {
      if (scope[what] !== undefined) found.add(peer);
      await scope.update(idFor(0));
    });
  }
  return found;
}

async function asPromise(sent: PromiseLike<unknown>): Promise<unknown> {
  return await sent;
}

/** Ids in ascending fifths of the table, so that concurrent transactions never deadlock on rows. */
function idFor(statement: number): number {
  return 1 + statement * 200 + Math.floor(Math.random() * 200);
}
