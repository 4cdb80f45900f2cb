// Keeps a PostgreSQL for as long as its standard input is open: `node postgres-keeper.mjs -D <folder>/data [flags of the server]`.
// However the process ends that has started it, and if it is killed, its end closes: the server is stopped then, and the folder
// removed. It says what has become of the start, and of each restart, in a line of JSON; a line on its input asks for a restart.
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { createCluster, startOnFreePort } from './postgres-cluster.mjs';

const [, data = '', ...flags] = process.argv.slice(2);
const stopping = new AbortController();
const stop = () => stopping.abort();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
const orders = createInterface({ input: process.stdin });
orders.on('close', stop);
process.stdout.on('error', stop);

await keep();
process.exit();

async function keep() {
  let server;
  try {
    const cluster = await createCluster(data, flags, stopping.signal);
    const started = await startOnFreePort(cluster);
    server = started.server;
    const tellUrl = () => tell({ url: cluster.urlAt(started.port) });
    tellUrl();
    let restarting = Promise.resolve();
    orders.on('line', () => {
      restarting = restarting.then(async () => {
        await server.end();
        server = await cluster.start(started.port);
        tellUrl();
      });
      restarting.catch(tellError);
    });
    await aborted(stopping.signal);
    await restarting.catch(() => {});
  } catch (error) {
    tellError(error);
  } finally {
    await server?.end();
    // What has not quite ended may still write.
    rmSync(dirname(data), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

function tellError({ message, cause }) {
  tell({ error: cause === undefined ? message : `${message}: ${cause.message}` });
}

function tell(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function aborted(signal) {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
