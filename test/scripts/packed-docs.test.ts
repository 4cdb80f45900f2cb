// What is published has the pages to which its errors and warnings lead, and their links lead to pages that are there too.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { warningCodes } from '../../src/core/warnings.ts';
import { docsOf } from '../../src/core/docs.ts';
import * as cache from '../../src/cache/index.ts';
import * as drivers from '../../src/drivers/postgres/index.ts';
import * as model from '../../src/model/index.ts';
import * as outbox from '../../src/outbox/index.ts';
import * as queue from '../../src/queue/index.ts';
import * as sluice from '../../src/index.ts';
import * as testing from '../../src/testing/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const args = ['pack', '--dry-run', '--json', '--silent', '--ignore-scripts'];
const [packed] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' })) as [
  { readonly files: readonly { readonly path: string }[] },
];
const files = new Set(packed.files.map(({ path }) => path));
const pages = [...files].filter((path) => path.endsWith('.md'));
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

const all = { ...sluice, ...outbox, ...queue, ...testing, ...model, ...cache, ...drivers };
const errorCodes = new Set(
  Object.values(all).flatMap((value) =>
    typeof value === 'function' && value.prototype instanceof sluice.SluiceError
      ? [(value as unknown as { readonly code: string }).code]
      : [],
  ),
);

/** The anchors of a page: those of its headings, as they are shown on the web, and its own. */
function hasAnchor(page: string, anchor: string): boolean {
  const text = textOf(page);
  return text.includes(`<a id="${anchor}"></a>`) || text.toLowerCase().includes(`\n## ${anchor}\n`);
}

describe('the published package', () => {
  it.each([
    ...[...errorCodes].map((code) => docsOf('errors', code, { version: '', repository: undefined })),
    ...warningCodes.map((code) => docsOf('warnings', code, { version: '', repository: undefined })),
  ])('has %s', (docs) => {
    const [page = '', anchor = ''] = docs.split('#');
    expect(files).toContain(page);
    expect(hasAnchor(page, anchor)).toBe(true);
  });

  it('has README.md and the pages of docs', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/errors.md', 'docs/libraries.md']));
  });

  it.each(pages)('has the pages and pictures that %s leads to', (page) => {
    const targets = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#]+\.(?:md|svg))/g)].map(([, target = '']) =>
      normalize(join(dirname(page), target)),
    );
    // Examples and tests are of the repository alone.
    expect(targets.filter((target) => !files.has(target) && !/^(?:examples|test)\//.test(target))).toEqual([]);
  });

  it('has nothing of the docs that no page shows', () => {
    const shown = pages.map(textOf).join('\n');
    const others = [...files].filter((path) => path.startsWith('docs/') && !path.endsWith('.md'));
    expect(others.filter((path) => !shown.includes(path.slice(path.lastIndexOf('/') + 1)))).toEqual([]);
  });
});
