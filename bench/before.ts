// Sluice as it is beside Sluice as it was in another checkout, each in a process of its own. What is 1 is the other one.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mysql } from '../src/drivers/mysql/index.ts';
import { createDatabase } from '../src/index.ts';
import type { Asked, Told } from './beside.ts';
import { openArena, table } from './contenders.ts';
import { type EngineArena, fill } from './engines.ts';
import type { Sample } from './rounds.ts';

/** Where the servers are. */
interface Urls {
  readonly postgres: string;
  readonly mariadb: string;
}

/**
 * @param folder another checkout of this project, with its dependencies installed
 * @param only what the names of the workloads have in common
 */
export async function openBeforeArena(folder: string, urls: Urls, only: string): Promise<EngineArena> {
  const raw = await openArena(urls.postgres);
  const mariadb = createDatabase({ clients: { default: mysql({ uri: urls.mariadb }) } });
  await fill(mariadb);
  const before = await Checkout.start(folder);
  const now = await Checkout.start('.');
  return {
    workloads: now.workloads
      .filter((name) => name.includes(only) && before.workloads.includes(name))
      .map((name) => ({ name, contenders: [before.contender('alone', name), now.contender('sluice', name)] })),
    async close() {
      await Promise.all([before.stop(), now.stop()]);
      await mariadb.current.query(`drop table ${table}`);
      await mariadb.close();
      await raw.close();
    },
  };
}

/** A checkout in a process of its own, so that neither has the other's compiled code, heap and caches. */
class Checkout {
  readonly workloads: readonly string[];
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, workloads: readonly string[]) {
    this.#process = process;
    this.workloads = workloads;
  }

  /** Resolves when its libraries are open: the next one makes their tables anew. */
  static async start(folder: string): Promise<Checkout> {
    const child = fork(fileURLToPath(new URL('beside.ts', import.meta.url)), { cwd: resolve(folder) });
    const told = await answerOf(child);
    return new Checkout(child, 'workloads' in told ? told.workloads : []);
  }

  contender(name: string, workload: string): EngineArena['workloads'][number]['contenders'][number] {
    return {
      name,
      measure: async (duration): Promise<Sample> => {
        this.#process.send({ workload, duration } satisfies Asked);
        const told = await answerOf(this.#process);
        if ('sample' in told) return told.sample;
        throw new Error('a checkout told of its workloads twice');
      },
    };
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    await gone;
  }
}

/** @throws where the process ends instead */
async function answerOf(child: ChildProcess): Promise<Told> {
  const stop = new AbortController();
  const { signal } = stop;
  const gone = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the process of a checkout ended with ${code}`);
  });
  try {
    const [told] = (await Promise.race([once(child, 'message', { signal }), gone])) as [Told];
    return told;
  } finally {
    gone.catch(() => {});
    stop.abort();
  }
}
