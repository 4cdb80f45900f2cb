// The pictures of the pages on the design are drawn from the rules and from texts; none may be older than what it is drawn from.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawings, folder, sequenceTexts } from '../../scripts/design/drawings.mjs';
import { drawFloors } from '../../scripts/design/floors.mjs';
import { drawSequence, parseSequence } from '../../scripts/design/sequence.mjs';
import { root } from '../../scripts/entry-points.mjs';
import { order, rules } from './rules.ts';

describe('the drawings', () => {
  it.each([...drawings()])('%s is as it is drawn today (npm run design)', (file, text) => {
    expect(readFileSync(join(folder, file), 'utf8')).toBe(text);
  });

  it('are all there, and no others', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.svg'));
    expect(new Set(files)).toEqual(new Set(drawings().keys()));
    expect(files).toHaveLength(6);
  });

  it.each([...drawings()])('%s says what it shows to who cannot see it', (_, text) => {
    expect(text).toMatch(/<title id="title">[^<]{10,}<\/title>/);
    expect(text).toMatch(/<desc id="description">[^<]{40,}<\/desc>/);
    expect(text).toContain('prefers-color-scheme: dark');
  });

  // Those for users name no files.
  const ofTheCode = [...sequenceTexts()].filter(([file]) => !/^(?:ambient|levels)\./.test(file));
  it.each(ofTheCode)('%s names files that there are', (_, text) => {
    const { lifelines, events } = parseSequence(text);
    const said = [...lifelines.values(), ...events.map((event) => event.text)].join('\n');
    const files = [...said.matchAll(/[\w/-]+\.ts\b/g)].map(([file]) => file);
    expect(files.length).toBeGreaterThan(3);
    expect(files.filter((file) => !existsSync(join(root, 'src', file)))).toEqual([]);
  });
});

describe('the drawing of the floors', () => {
  const described = new Map([...order, 'payments'].map((name) => [name, 'what it is']));

  it('changes with the rules', () => {
    const before = drawFloors({ order, rules, described });
    const more = { ...rules, payments: { folders: ['core', 'pool'], packages: ['shop'] } };
    const after = drawFloors({ order, rules: more, described });
    expect(before).not.toContain('payments');
    expect(after).toContain('>payments</text>');
    expect(after).toContain('>packages: shop</text>');
    expect(after).toMatch(/On pool stand [^.]*payments/);
  });

  it('is refused for a floor that the table of folders does not explain', () => {
    expect(() => drawFloors({ order, rules, described: new Map() })).toThrow(
      'CONTRIBUTING.md does not say what the folder core is',
    );
  });
});

describe('the drawing of a sequence', () => {
  it('refuses a line that it does not understand, and a name that it does not know', () => {
    expect(() => drawSequence('shop => till: pay')).toThrow('not understood: shop => till: pay');
    expect(() => drawSequence('title: A sale\nshop = Shop\nshop -> till: pay')).toThrow('A sale: there is no till');
  });
});
