import { createDatabase } from '../../index.ts';
import { startInspector } from '../../inspector/index.ts';
import { runCheckouts } from './checkouts.ts';
import { engineOf, type Place } from './engines.ts';

/** Less than the buyers want, so that they wait. */
const max = 4;

/** Lets buyers check out again and again, shown by an inspector, until the signal is aborted: then it throws its reason. */
export async function watchShop(place: Place, signal: AbortSignal): Promise<never> {
  const engine = engineOf(place);
  await engine.create(place);
  const width = { max: engine.auditsSeparately ? max : 1 };
  await using database = createDatabase({ clients: { default: engine.client(place, width) } });
  await using inspector = await startInspector(database, { name: 'shop' });
  console.log(`The shop is under load, and shown at\n\n  ${inspector.url}\n\nIt goes on until Ctrl-C.`);
  const run = { database, auditsSeparately: engine.auditsSeparately, ...width, signal, onProgress: (): void => {} };
  for (;;) {
    const { problems } = await runCheckouts(run);
    for (const problem of problems) console.error(`VIOLATED: ${problem}`);
    signal.throwIfAborted();
  }
}
