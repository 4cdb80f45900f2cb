import { globSync } from 'node:fs';
import { expect, it } from 'vitest';
import { longTests } from '../support/long-tests.ts';

it('the long tests are there: what is not would run with none of the commands', () => {
  expect(longTests.length).toBeGreaterThan(0);
  expect(longTests.filter((path) => globSync(path).length === 0)).toEqual([]);
});
