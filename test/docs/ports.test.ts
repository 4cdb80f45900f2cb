// Those who write a driver, an engine, a store or a dialect can name every type of its port, and what they copy works.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { examplesOf } from './markdown.ts';

const textOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

/** What a report of the API says that an entry point uses and no entry point exports. */
function unnamed(report: string): string[] {
  const [, used = ''] = report.split('## Used by these, and not exported\n');
  return [...used.matchAll(/^(?:abstract )?(?:class|const|function|interface|type) (\w+)/gm)].map(
    ([, name = '']) => name,
  );
}

describe('the types of a port', () => {
  // The listener of a client of Redis.
  it.each<[entry: string, except: string[]]>([
    ['driver', []],
    ['queue-engine', []],
    ['cache', []],
    ['cache-redis', ['Listener']],
    ['outbox', []],
    ['testing-conformance', []],
  ])('are exported: sluice-%s', (entry, except) => {
    const report = textOf(`api/sluice-${entry}.api.md`);
    expect(report).toContain('## Exports');
    expect(unnamed(report)).toEqual(except);
  });

  it('are missed where one is hidden', () => {
    expect(
      unnamed('## Exports\n## Used by these, and not exported\n\n```ts\ninterface Tag {\n}\n\nclass Feed {\n}\n```'),
    ).toEqual(['Tag', 'Feed']);
  });
});

describe('the page on ports', () => {
  it.each(['driver', 'engine', 'store', 'outbox'])('shows the toy that passes the suite: %s', (toy) => {
    const [, shown = ''] = textOf(`test/packed/toy-${toy}.test.mts`).split(/^\/\/.*\n/);
    expect(shown.length).toBeGreaterThan(1_000);
    expect(examplesOf(textOf('docs/extending.md'))).toContain(shown);
  });
});
