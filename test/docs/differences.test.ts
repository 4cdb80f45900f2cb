// What a usage has different on purpose stands in the table on its library's page, and what stands there is shown.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const fileOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const usages = 'test/conformance/usage';

/** The pages, with how the files of their usages begin. */
const pages = {
  kysely: ['kysely'],
  knex: ['knex', 'objection'],
  drizzle: ['drizzle'],
  typeorm: ['typeorm'],
  prisma: ['prisma'],
  'mikro-orm': ['mikro-orm'],
};

/** The cells of the table, by what is different. */
function tableOf(page: string): Map<string, readonly string[]> {
  const text = readFileSync(fileOf(`docs/${page}.md`), 'utf8');
  const [, table = ''] = /^## What is different from \w+ alone\n\n((?:\|.*\n)+)/m.exec(text) ?? [];
  const [titles, , ...rows] = table
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(2, -2).split(' | '));
  expect(titles).toEqual(['What', 'Alone', 'Here', 'Why, and what to do instead']);
  expect(rows.filter((cells) => cells.length !== 4 || cells.includes(''))).toEqual([]);
  const byWhat = new Map(rows.map((cells) => [cells[0] ?? '', cells]));
  expect(byWhat.size).toBe(rows.length);
  return byWhat;
}

/** The rows that usages and their tables of options name, whichever engine they are for. */
function namedIn(beginnings: readonly string[]): Set<string> {
  const files = readdirSync(fileOf(usages)).filter((file) =>
    beginnings.some((beginning) => file === `${beginning}.ts` || file.startsWith(`${beginning}-`)),
  );
  expect(files.length).toBeGreaterThan(2);
  const texts = files.map((file) => readFileSync(fileOf(`${usages}/${file}`), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/\bon: '([^']+)'/g)].map((match) => match[1] ?? '')));
}

describe.each(Object.entries(pages))('the table of %s', (page, beginnings) => {
  it('has a row for all that is different on purpose', () => {
    const named = [...namedIn(beginnings)];
    expect(named.length).toBeGreaterThan(2);
    const rows = tableOf(page);
    expect(named.filter((on) => !rows.has(on))).toEqual([]);
  });

  it('has no row that no usage has, and that leads to no test', () => {
    const named = namedIn(beginnings);
    const unshown = [...tableOf(page)].filter(
      ([what, cells]) => !named.has(what) && !cells.at(-1)?.includes('](../test/'),
    );
    expect(unshown.map(([what]) => what)).toEqual([]);
  });
});
