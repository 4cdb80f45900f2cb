import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HolderInfo } from '../../../src/index.ts';
import { lock, staging, type Stage } from './staging.ts';

/** Another process has a transaction open that no one ends, and this one wants its row. */
export const neverEnded: Stage = staging(async ({ server, open, run, atEnd }) => {
  const program = fileURLToPath(new URL('never-ended-program.ts', import.meta.url));
  const child = fork(program, [server.url], { execArgv: [] });
  atEnd(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
  await once(child, 'message');
  const database = open();
  run(database.transaction(() => lock(database, 1), { name: 'order' }));
  return {
    expected: {
      kind: 'held',
      members: ['order', 'import'],
      text: ['transaction "import" holds up others', 'held by "import"', 'waits for the program'],
    },
    async others() {
      const told = once(child, 'message');
      child.send('holders');
      return (await told)[0] as readonly HolderInfo[];
    },
  };
});
