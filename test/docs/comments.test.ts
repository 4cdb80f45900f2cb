// Users read the doc comments in their editor: every public name has one, and what they show compiles (docs.test.ts).
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compile, type Example, legacyDecorators } from './examples.ts';
import { prelude, withImports } from './prelude.ts';
import { type PublicName, publicNames } from './public-api.ts';

const undocumented = (names: readonly PublicName[]): string[] =>
  names.filter(({ comment }) => comment.trim() === '').map(({ name, at }) => `${name} (${at})`);

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(root, 'test/docs/.examples-'));
const legacyFolder = mkdtempSync(join(root, 'test/docs/.examples-'));
afterAll(() => [folder, legacyFolder].forEach((each) => rmSync(each, { recursive: true, force: true })));

const names = publicNames();

describe('the doc comments', () => {
  it('are on every exported name and each of its public members', () => {
    // A check that saw nothing proves nothing.
    expect(names.length).toBeGreaterThan(900);
    expect(undocumented(names)).toEqual([]);
  });

  it('show how at least 60 names are used, in examples that compile', { timeout: 240_000 }, () => {
    const withExamples = names.filter(({ examples }) => examples.length > 0);
    expect(withExamples.length).toBeGreaterThanOrEqual(60);
    const examplesOf = (owners: readonly PublicName[]): Example[] =>
      owners.flatMap((owner) =>
        owner.examples.map((code, index) => ({
          name: `${owner.name.replaceAll(/\W+/g, '-')}-${index}`,
          code: withImports(owner, code, names),
        })),
      );
    const isOfNest = ({ entry }: PublicName): boolean => entry === 'sluice/nestjs';
    // An import of a type looks like that of a value here, and the prelude has classes without constructors.
    const options = { verbatimModuleSyntax: false, strictPropertyInitialization: false, noUnusedParameters: false };
    const others = withExamples.filter((owner) => !isOfNest(owner));
    expect(compile(folder, [prelude, ...examplesOf(others)], options)).toBe('');
    const ofNest = [prelude, ...examplesOf(withExamples.filter(isOfNest))];
    expect(compile(legacyFolder, ofNest, { ...options, ...legacyDecorators })).toBe('');
  });

  it.each<[missing: string, source: string]>([
    ['sluice: open (src/index.ts:1)', 'export function open(): void {}'],
    ['sluice: open (src/index.ts:2)', '/** @throws Error */\nexport function open(): void {}'],
    ['sluice: Options.max (src/index.ts:3)', '/** What. */\nexport interface Options {\n  readonly max?: number;\n}'],
    ['sluice: Pool.size (src/index.ts:3)', '/** What. */\nexport class Pool {\n  size = 1;\n  #own = 1;\n}'],
    ['sluice: Pool.of (src/index.ts:3)', '/** What. */\nexport class Pool {\n  static of(): void {}\n}'],
    ['sluice: names.open (src/index.ts:2)', "/** What. */\nexport const names = { open: 'sluice:open' };"],
    [
      'sluice: Options.tls.key (src/index.ts:4)',
      '/** What. */\nexport interface Options {\n  /** What. */\n  readonly tls: { readonly key: string };\n}',
    ],
    ['sluice: Kind.b (src/index.ts:2)', '/** What. */\nexport type Kind = string | { readonly b: string };'],
  ])('finds what was planted: %s', (missing, source) => {
    const planted = mkdtempSync(join(tmpdir(), 'sluice-comments-'));
    mkdirSync(join(planted, 'src'));
    writeFileSync(join(planted, 'src/index.ts'), source);
    writeFileSync(
      join(planted, 'package.json'),
      JSON.stringify({ exports: { '.': { import: { default: './dist/index.js' } } } }),
    );
    writeFileSync(
      join(planted, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { strict: true }, include: ['src'] }),
    );
    expect(undocumented(publicNames('tsconfig.json', planted))).toEqual([missing]);
    rmSync(planted, { recursive: true });
  });
});
