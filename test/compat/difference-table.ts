// The table of differences of a page of docs, held against the tests that show them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The rows by what is different; each has four cells that say something. */
export function differencesOn(page: string): Map<string, readonly string[]> {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}.md`, import.meta.url)), 'utf8');
  const [, table = ''] = /^## What is different\n\n(?:[^|\n].*\n\n)?((?:\|.*\n)+)/m.exec(text) ?? [];
  const [titles, , ...rows] = table
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(2, -2).split(' | '));
  expect(titles).toEqual(['What', 'There', 'Here', 'Why, and what to do instead']);
  expect(rows.filter((cells) => cells.length !== 4 || cells.includes(''))).toEqual([]);
  const byWhat = new Map(rows.map((cells) => [cells[0] ?? '', cells]));
  expect(byWhat.size).toBe(rows.length);
  return byWhat;
}

/** Every difference that was shown has a row, and every row is shown or leads to the test that does. */
export function expectShown(page: string, shown: readonly string[]): void {
  expect(shown.length).toBeGreaterThan(2);
  const rows = differencesOn(page);
  expect(shown.filter((what) => !rows.has(what))).toEqual([]);
  const unshown = [...rows].filter(([what, cells]) => !shown.includes(what) && !cells.at(-1)?.includes('](../test/'));
  expect(unshown.map(([what]) => what)).toEqual([]);
}
