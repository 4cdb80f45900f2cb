import { startOther } from './other-process.ts';
import { lock, staging, type Stage } from './staging.ts';

/** Another process has a transaction open that no one ends, and this one wants its row. */
export const neverEnded: Stage = staging(async ({ server, open, run, atEnd }) => {
  const importer = startOther(new URL('never-ended-program.ts', import.meta.url), [server.url], atEnd);
  await importer.told('locked');
  const database = open();
  run(database.transaction(() => lock(database, 1), { name: 'order' }));
  return {
    expected: {
      kind: 'held',
      members: ['order', 'import'],
      text: ['transaction "import" holds up others', 'held by "import"', 'waits for the program'],
    },
    others: () => importer.holders(),
  };
});
