import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { emitWarning, warningOnce } from '../../src/core/index.ts';
import { warningCodes } from '../../src/core/warnings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/warnings.md'), 'utf8');
const sections = new Map(
  page
    .split('\n## ')
    .slice(1)
    .map((section): [string, string] => [section.slice(0, section.indexOf('\n')), section]),
);
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, 'src', file), 'utf8') }));
const others = sources.filter(({ file }) => file !== join('core', 'warnings.ts'));

async function warningsOf(give: () => void): Promise<Error[]> {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  give();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  return warnings;
}

describe('the page of warnings', () => {
  it('has a section for every code, and for nothing else', () => {
    expect([...sections.keys()].toSorted()).toEqual(warningCodes.toSorted());
    for (const code of warningCodes) expect(page).toContain(`| [\`${code}\`](#${code.toLowerCase()}) |`);
  });

  it.each(warningCodes)('says of %s what happened, why, what to do and how to silence it', (code) => {
    const section = sections.get(code);
    for (const part of ['What happened.', 'Why.', 'What to do.', 'How to silence it.'])
      expect(section).toMatch(new RegExp(String.raw`^\*\*${part}\*\* \S.{20,}$`, 'm'));
  });
});

describe('the code', () => {
  it.each(warningCodes)('gives %s, which no program can meet otherwise', (code) => {
    expect(others.some(({ text }) => text.includes(`'${code}'`))).toBe(true);
  });

  it('gives no warning that has no code, and no code that is not in the list', () => {
    expect(others.filter(({ text }) => text.includes('process.emitWarning')).map(({ file }) => file)).toEqual([]);
    const named = others.flatMap(({ text }) =>
      [...text.matchAll(/(?<!env\.|env\[')\bSLUICE_[A-Z_]+/g)].map(([code]) => code),
    );
    expect(new Set(named)).toEqual(new Set(warningCodes));
  });
});

describe('a warning', () => {
  it.each(warningCodes)('%s leads to its section', async (code) => {
    const cause = new Error('it failed');
    const [warning] = await warningsOf(() => emitWarning(code, 'It happened', { cause }));
    const docs = `docs/warnings.md#${code.toLowerCase()}`;
    expect(warning).toMatchObject({ message: 'It happened', code, docs, detail: `See ${docs}`, cause });
    expect(warning?.name).toMatch(/^Sluice\w*Warning$/);
  });

  it('that is given once is given once', async () => {
    const warn = warningOnce('SLUICE_PREPARING_OFF', 'It happened');
    expect(await warningsOf(() => [warn, warn].forEach((each) => each()))).toHaveLength(1);
  });
});
