import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as sluice from '../../src/index.ts';
import * as cache from '../../src/cache/index.ts';
import * as nestjs from '../../src/frameworks/nestjs/index.ts';
import * as model from '../../src/model/index.ts';
import * as outbox from '../../src/outbox/index.ts';
import * as events from '../../src/events/index.ts';
import * as idempotency from '../../src/ports/idempotency/index.ts';
import * as queue from '../../src/queue/index.ts';
import * as saga from '../../src/saga/index.ts';
import * as twoPhase from '../../src/experimental/two-phase/index.ts';
import * as testing from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { compile, legacyDecorators } from './examples.ts';
import { examplesOf } from './markdown.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)),
].filter((file) => file.endsWith('.md'));
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** What can be linked to on a page: its headings, as GitHub names them, and places with an id. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set([...text.matchAll(/<a id="(\w+)">/g)].map(([, id = '']) => id));
  for (const [, heading = ''] of text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)) {
    const name = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const others = [...anchors].filter((known) => known === name || known.replace(/-\d+$/, '') === name).length;
    anchors.add(others === 0 ? name : `${name}-${others}`);
  }
  return anchors;
}

/** The TypeScript blocks of a page, which import from the package as a user does. */
function examplesIn(page: string): string[] {
  return examplesOf(textOf(page));
}

const examples = pages.flatMap((page) =>
  examplesIn(page).map((code, index) => ({ name: `${page.replaceAll(/\W/g, '-')}-${index}`, code })),
);
const folder = mkdtempSync(join(root, 'test/docs/.examples-'));
/** Of Nest, whose decorators are the legacy ones. */
const legacyFolder = mkdtempSync(join(root, 'test/docs/.examples-'));
afterAll(() => [folder, legacyFolder].forEach((each) => rmSync(each, { recursive: true, force: true })));

const server = useTestDatabase();

describe('the examples', () => {
  it('compile as they are written', { timeout: 240_000 }, () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
    const [legacy, standard] = [true, false].map((isLegacy) =>
      examples.filter(({ code }) => code.includes("'@nestjs/common'") === isLegacy),
    );
    expect(compile(folder, standard ?? [])).toBe('');
    expect(legacy?.length).toBeGreaterThan(0);
    expect(compile(legacyFolder, legacy ?? [], legacyDecorators)).toBe('');
  });

  it(
    'the first one of the README prints what it says, as it is written but for where it imports from',
    {
      timeout: 30_000,
    },
    async () => {
      const [example = ''] = examplesIn('README.md');
      const [, printed = ''] = /```text\n([\s\S]*?)```/.exec(textOf('README.md')) ?? [];
      const code = example
        .replace("from 'sluice'", `from ${JSON.stringify(join(root, 'src/index.ts'))}`)
        .replace("from 'sluice/postgres'", `from ${JSON.stringify(join(root, 'src/drivers/postgres/index.ts'))}`);
      const file = join(folder, 'readme.mts');
      writeFileSync(file, code);
      const env = { ...process.env, DATABASE_URL: server.url };
      const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', env });
      expect(stderr).toBe('');
      expect(stdout).toBe(printed);
      expect(await server.sql('select count(*)::int as count from audit')).toEqual([{ count: 2 }]);
      expect(await server.sql('select product_id from sale')).toEqual([{ product_id: 1 }]);
    },
  );
});

describe('the page of errors', () => {
  const page = textOf('docs/errors.md');
  const classes = Object.entries({
    ...sluice,
    ...outbox,
    ...events,
    ...idempotency,
    ...queue,
    ...saga,
    ...twoPhase,
    ...testing,
    ...model,
    ...cache,
    ...nestjs,
  }).filter(([, value]) => {
    return typeof value === 'function' && value.prototype instanceof sluice.SluiceError;
  });

  it('has a line for every error, with its code', () => {
    expect(classes.length).toBeGreaterThan(15);
    for (const [name, type] of classes) {
      const { code } = new (type as unknown as new (details: object) => sluice.SluiceError)({ what: 'x', remedy: 'y' });
      expect(page).toMatch(new RegExp(`\\| (?:<a id="\\w+"></a>)?\`${code}\` \\| \`${name}\` \\|`));
      // One for each code, to which errors lead.
      expect(page.split(`<a id="${code.toLowerCase()}"></a>\`${code}\``)).toHaveLength(2);
    }
  });

  it('names no error that there is not', () => {
    const named = [...page.matchAll(/^\| (?:<a id="\w+"><\/a>)?`[A-Z_]+` \| `(\w+)` \|/gm)].map(
      (match) => match[1] ?? '',
    );
    expect(new Set(named)).toEqual(new Set(classes.map(([name]) => name)));
  });
});

describe('pages', () => {
  const guides = pages.filter((page) => page === 'README.md' || /^docs\/[^/]+$/.test(page));

  /** What is wrong with how a page begins. */
  function beginningOf(text: string): string[] {
    const [, opening = ''] = text.split('\n\n');
    const sentences = opening.replaceAll(/`[^`]*`/g, '').match(/[.?!](?=\s|$)/g)?.length ?? 0;
    const isShown = text
      .split('\n')
      .slice(0, 20)
      .some((line) => line.startsWith('```'));
    return [...(sentences > 3 ? ['its opening is long'] : []), ...(isShown ? [] : ['it shows nothing at once'])];
  }

  it.each(guides)('%s says in three sentences what it is for, and shows it', (page) => {
    expect(beginningOf(textOf(page))).toEqual([]);
  });

  it('are found that do not', () => {
    expect(beginningOf('# A\n\nOne. Two. Three. Four.\n\n- more')).toHaveLength(2);
  });
});

describe('links', () => {
  it.each(pages)('of %s lead to files that exist', (page) => {
    const targets = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it.each(pages)('of %s lead to headings that exist', (page) => {
    const targets = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]*\.md)?#([^)]+)/g)];
    const missing = targets.filter(([, file, anchor = '']) => {
      return !anchorsOf(textOf(file === undefined ? page : join(dirname(page), file))).has(anchor);
    });
    expect(missing.map(([link]) => link)).toEqual([]);
  });

  it('are missed where they lead nowhere', () => {
    expect([...anchorsOf('# A `b.c()`: d, e\n## A `b.c()`: d, e\n<a id="f"></a>')]).toEqual([
      'f',
      'a-bc-d-e',
      'a-bc-d-e-1',
    ]);
  });
});
