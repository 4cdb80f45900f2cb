import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, hasRedisServer } from './redis-server.ts';
import { until } from './settled.ts';

/** A Redis Cluster of a test's own: three servers without replicas, which keep nothing on disk but who is in it. */
export interface OwnCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  stop(): Promise<void>;
}

const slots = 16_384;
const count = 3;

/** Nothing where there is no `redis-server`. */
export async function ownRedisCluster(): Promise<OwnCluster | undefined> {
  if (!hasRedisServer()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  const servers: ChildProcess[] = [];
  const admins: Redis[] = [];
  const ports: number[] = [];
  const busPorts: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const [port, bus] = [await freePort(), await freePort()];
    const args = ['--port', port, '--cluster-port', bus, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', `${port}.conf`, '--dir', folder];
    servers.push(spawn('redis-server', [...args, ...cluster].map(String), { stdio: 'ignore' }));
    const admin = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    admin.on('error', () => {});
    await admin.ping();
    const [from, to] = [index, index + 1].map((at) => Math.floor((at * slots) / count)) as [number, number];
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to - 1);
    ports.push(port);
    busPorts.push(bus);
    admins.push(admin);
  }
  for (const [index, port] of ports.entries())
    await admins[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port, busPorts[index] ?? 0);
  await until('the cluster is whole', async () => {
    const infos = await Promise.all(admins.map(async (admin) => String(await admin.call('CLUSTER', 'INFO'))));
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`));
  });
  for (const admin of admins) admin.disconnect();
  return {
    nodes: ports.map((port) => ({ host: '127.0.0.1', port })),
    async stop() {
      const gone = servers.map((each) => new Promise((resolve) => each.once('exit', resolve)));
      for (const each of servers) each.kill('SIGKILL');
      await Promise.all(gone);
      rmSync(folder, { recursive: true });
    },
  };
}
