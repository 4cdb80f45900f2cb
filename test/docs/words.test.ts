// Comments, error messages, names and pages are plain English: words that no reader expects there stay out.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { avoidedWordsIn, avoidedWordsInName } from './words.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)),
].filter((file) => file.endsWith('.md'));

describe('the words', () => {
  it('of the code are plain', () => {
    expect(sources.length).toBeGreaterThan(200);
    const found = sources.flatMap((file) =>
      avoidedWordsIn(readFileSync(join(root, 'src', file), 'utf8')).map((word) => `src/${file}:${word}`),
    );
    expect(found).toEqual([]);
  });

  it('of the pages are plain', () => {
    expect(pages.length).toBeGreaterThan(25);
    const found = pages.flatMap((page) =>
      avoidedWordsIn(readFileSync(join(root, page), 'utf8')).map((word) => `${page}:${word}`),
    );
    expect(found).toEqual([]);
  });

  it('of file names are plain', () => {
    expect(sources.filter((file) => avoidedWordsInName(file).length > 0)).toEqual([]);
  });

  it.each<[string, string[]]>([
    ['/** Ends a connection that nobody may use. */', ['1: nobody']],
    ['/**\n * It is not waited for any\n * more.\n */', ['2: any more']],
    ['  // Values are sent\n  // beside the text.', ['2: beside']],
    ["what: 'The server told of a state that there is none',", ['1: told of']],
    [
      'Whoever waits hears of it; meanwhile it stands for another.',
      ['1: whoever', '1: hears of', '1: meanwhile', '1: stands for'],
    ],
    ['if (besides(many, moreover)) throw noBody(body);', []],
  ])('finds what was planted: %s', (text, found) => {
    expect(avoidedWordsIn(text)).toEqual(found);
  });

  it('finds a planted file name', () => {
    expect(avoidedWordsInName('queue/beside-the-caller.ts')).toEqual(['beside']);
  });
});
