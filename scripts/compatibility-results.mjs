// What the runs of libraries and of fresh projects have found, kept until the table is made of it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './entry-points.mjs';

const folder = join(root, 'node_modules/.cache/sluice-compatibility');

/** Keeps what a run has found: rows of the table. */
export function noteResults(run, results) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${run}.json`), JSON.stringify(results));
}

/** @returns what a run has found; undefined where it has not been made */
export function readResults(run) {
  try {
    return JSON.parse(readFileSync(join(folder, `${run}.json`), 'utf8'));
  } catch {
    return undefined;
  }
}
