import { describe, expect, it } from 'vitest';
import { reportBackgroundError } from '../../src/channels/index.ts';
import { describeThrown, storable } from '../../src/core/index.ts';
import { oddErrors } from '../support/odd-errors.ts';

describe('what is told of a thrown value', () => {
  it.each(oddErrors)('is text that can be stored: one with %s', (_what, make) => {
    for (const text of Object.values(describeThrown(make()))) {
      if (text === undefined) continue;
      expect(text).toBeTypeOf('string');
      expect(text).not.toContain('\0');
      expect(text.isWellFormed()).toBe(true);
    }
  });

  it('is all that an error says', () => {
    const error = Object.assign(new TypeError('no such order'), { code: 7 });
    expect(describeThrown(error)).toEqual({
      name: 'TypeError',
      message: 'no such order',
      code: '7',
      stack: error.stack,
    });
  });

  it('is what text there is, and not the value of what is no error', () => {
    expect(describeThrown(Object.assign(new Error('spoilt'), { name: 5, message: { a: 1 } }))).toMatchObject({
      name: '5',
      message: '(an error whose message is no text)',
    });
    expect(describeThrown('hunter2')).toMatchObject({ name: 'Error', message: 'no error was thrown, but a string' });
  });

  it.each(oddErrors)('becomes a warning where nobody listens: one with %s', async (what, make) => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    reportBackgroundError({ source: `a test of ${what}`, error: make() });
    expect((await warned).message).toMatch(/^a test of /);
  });

  it('is shortened to whole characters', () => {
    expect(storable('ab\u{1F600}', 3)).toBe('ab\u{FFFD}…');
  });
});
