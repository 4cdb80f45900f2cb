import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { findStandstills, formatStandstills, type Standstill } from '../../src/index.ts';
import { startInspector } from '../../src/inspector/index.ts';
import { postgresFleet } from '../../src/inspector/postgres/index.ts';
import { complaintsOf, picture, useBrowser } from '../support/inspector/browser.ts';
import { until } from '../support/settled.ts';
import { isAsExpected, type Staged, standstills } from '../support/standstills/index.ts';

const patience = 60_000;

const browser = useBrowser();

/** What those who look are told of it in text. */
async function textOf(staged: Staged): Promise<string> {
  let found: readonly Standstill[] = [];
  await until(
    'it stands still',
    async () => {
      found = findStandstills(await staged.holders());
      return found.some((each) => isAsExpected(each, staged.expected));
    },
    patience,
  );
  return formatStandstills(found);
}

/** Those that are drawn of it, in their order. */
function drawnOf({ members, lack }: Staged['expected']): readonly (string | RegExp)[] {
  return lack === undefined ? members : [...members, lack];
}

/** How often they are drawn in that order. */
async function countDrawn(page: Page, expected: Staged['expected']): Promise<number> {
  const { kind } = expected;
  const wanted = drawnOf(expected);
  const drawings = page.locator(`.standstill.${kind}`);
  const names = await drawings.evaluateAll((all) =>
    all.map((each) => [...each.querySelectorAll('.member-name')].map(({ textContent }) => textContent)),
  );
  const fits = (drawn: readonly string[], turn: number): boolean =>
    wanted.every((each, at) => {
      const name = (drawn[(at + turn) % drawn.length] ?? '').replace(/^(?:backend|savepoint) /, '');
      return typeof each === 'string' ? each === name : each.test(name);
    });
  const turnsOf = (drawn: readonly string[]): readonly number[] => (kind === 'held' ? [0] : [...drawn.keys()]);
  return names.filter((drawn) => drawn.length === wanted.length && turnsOf(drawn).some((turn) => fits(drawn, turn)))
    .length;
}

describe('what stands still in a running system', { timeout: patience * 3 }, () => {
  it.each(Object.entries(standstills))('is drawn: %s', async (name, stage) => {
    const staged = await stage();
    const { databases, url, expected } = staged;
    const fleet = postgresFleet({ connectionString: url });
    const inspector = await startInspector(databases, { name: 'shop', fleet });
    const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
    try {
      page.setDefaultTimeout(patience);
      const complaints = complaintsOf(page);
      const text = await textOf(staged);
      const begun = performance.now();
      await page.goto(inspector.url);
      await until('it is drawn', async () => (await countDrawn(page, expected)) === 1, patience);
      console.log(`${name}: drawn ${Math.round(performance.now() - begun)} ms after the page was asked for`);
      expect(await page.locator('.standstill').count()).toBe(1);
      const arrows = await page.locator('.standstill path.arrow').count();
      const drawn = drawnOf(expected).length;
      expect(arrows).toBe(expected.kind === 'circle' ? drawn : drawn - 1);
      expect(await page.locator('.standstill .head').count()).toBe(expected.kind === 'held' ? 1 : 0);
      for (const step of await page.locator('.steps button').allTextContents()) {
        expect(text).toContain(step.replace(/^(?:backend|savepoint|checkout) /, ''));
      }
      for (const scheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        await picture(page, `standstill ${name} ${scheme}`);
      }
      expect(complaints).toEqual([]);
    } finally {
      await page.close();
      await inspector.close();
      await staged.end();
    }
  });
});
