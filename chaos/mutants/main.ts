// Runs chaos on Sluices that are broken on purpose, each in a copy of the project, and says which of them it finds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyWith } from '../../test/support/mutant-copy.ts';
import type { EngineName } from '../settings.ts';
import { type ChaosMutant, chaosMutants } from './mutants.ts';

const { values } = parseArgs({
  options: {
    /** Those with this in their name. */
    only: { type: 'string', default: '' },
    /** Its first harms are those that most of them do not bear; those of the seeds behind it are tried as long as there is time. */
    seed: { type: 'string', default: '2758' },
    /** How long harm is done at each try; work that is stuck is found behind that. */
    seconds: { type: 'string', default: '40' },
    /** The most seconds in which one has to be found. */
    within: { type: 'string', default: '120' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'sluice-chaos-'));
const chosen = chaosMutants.filter(({ name }) => name.includes(values.only));
let missed = chosen.length === 0 ? 1 : 0;
try {
  for (const mutant of chosen) {
    const { first, seconds } = await findOn(mutant);
    const isFound = first !== undefined && seconds <= Number(values.within);
    if (!isFound) missed += 1;
    const said = first === undefined ? 'NOT FOUND' : isFound ? 'found' : 'FOUND TOO LATE';
    console.log(`${said} in ${seconds} s on ${engineOf(mutant)}: ${mutant.name}${first ?? ''}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} found with seed ${values.seed}`);
process.exitCode = missed === 0 ? 0 : 1;

function engineOf({ engine = 'postgres' }: ChaosMutant): EngineName {
  return engine;
}

/** @returns what chaos has found first on it */
async function findOn(mutant: ChaosMutant): Promise<{ first: string | undefined; seconds: number }> {
  const copy = copyWith(folder, mutant);
  const began = performance.now();
  const since = (): number => Math.round((performance.now() - began) / 1_000);
  let first: string | undefined;
  for (let seed = Number(values.seed); first === undefined && since() < Number(values.within); seed += 1)
    first = await runOn(mutant, copy, seed);
  rmSync(copy, { recursive: true });
  return { first, seconds: since() };
}

async function runOn(mutant: ChaosMutant, copy: string, seed: number): Promise<string | undefined> {
  const options = ['--engine', engineOf(mutant), '--seed', String(seed), '--seconds', values.seconds];
  const args = ['chaos/main.ts', '--json', ...options];
  const child = spawn(process.execPath, args, {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, progress] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (progress = (progress + data.toString()).slice(-2_000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return undefined;
  if (said === '') throw new Error(`chaos ended with ${code} on "${mutant.name}", and without a report: ${progress}`);
  const { found } = JSON.parse(said) as { readonly found: readonly string[] };
  return `\n    ${found[0]?.split('\n')[0] ?? ''}`;
}
