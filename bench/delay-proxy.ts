// Passes everything on a millisecond later, each way, as a network would. A process of its own, so that it takes nothing from
// those who are measured.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface DelayProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** @param delay milliseconds, each way */
export async function startDelayProxy(url: string, delay: number): Promise<DelayProxy> {
  const child = fork(fileURLToPath(import.meta.url), [url, String(delay)]);
  const [port] = (await once(child, 'message')) as [number];
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(port);
  return {
    url: proxied.href,
    async close() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

function pass(from: Socket, to: Socket, delay: number): void {
  from.setNoDelay(true);
  from.on('data', (data) => void setTimeout(() => to.writable && to.write(data), delay));
  from.on('error', () => to.destroy());
  from.on('close', () => void setTimeout(() => to.end(), delay));
}

if (import.meta.main) {
  const target = new URL(process.argv[2] ?? '');
  const delay = Number(process.argv[3]);
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    pass(client, upstream, delay);
    pass(upstream, client, delay);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
  });
  process.on('disconnect', () => process.exit());
}
