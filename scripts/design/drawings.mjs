import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { order, rules } from '../../test/architecture/rules.ts';
import { root } from '../entry-points.mjs';
import { drawFloors } from './floors.mjs';
import { drawSequence } from './sequence.mjs';

export const folder = join(root, 'docs/design');

/** The texts from which the drawings of sequences are made, by their file. */
export function sequenceTexts() {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sequence.txt'));
  return new Map(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

/** All drawings of the pages on the design, by their file. */
export function drawings() {
  const described = descriptions(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'));
  return new Map([
    ['floors.svg', drawFloors({ order, rules, described })],
    ...[...sequenceTexts()].map(([file, text]) => [file.replace('.sequence.txt', '.svg'), drawSequence(text)]),
  ]);
}

/** What the table of folders says of each. */
function descriptions(page) {
  const rows = page.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm);
  return new Map([...rows].map(([, name, text]) => [name, text]));
}
