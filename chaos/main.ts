// The shop under load while everything around it fails, and the proof that nothing was lost and nothing happened twice.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { help, readOptions, WrongOptionError } from './options.ts';
import { page } from './report/page.ts';
import { inWords } from './report/report.ts';
import { runChaos } from './run.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof WrongOptionError)) throw error;
    console.error(`Wrong option: ${error.message}.\n\n${help}`);
    return 2;
  }
  if (options === 'help') {
    console.log(help);
    return 0;
  }
  console.error(`chaos on ${options.engine} with seed ${options.seed}, for ${options.duration / 1_000} s`);
  const interruption = new AbortController();
  // Not once: a terminal and npm both send it, and the second would end the process before what it has made.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());
  const report = await runChaos(options, (text) => console.error(text), interruption.signal);
  if (interruption.signal.aborted) {
    console.error('It was interrupted: nothing is proven.');
    return 130;
  }
  console.error(inWords(report));
  if (options.html !== undefined) {
    const file = resolve(options.html);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, page(report));
    console.error(`The report: ${file}`);
  }
  if (options.json) console.log(JSON.stringify({ ...report, timeline: undefined }));
  return report.found.length === 0 ? 0 : 1;
}
