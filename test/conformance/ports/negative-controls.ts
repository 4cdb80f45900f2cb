import { AssertionError } from 'node:assert';
import { expect } from 'vitest';
import type { ConformanceSuite } from '../../../src/testing/conformance/index.ts';

/** The names of the checks that fail, with what they say. */
export async function failuresOf({ checks }: ConformanceSuite): Promise<ReadonlyMap<string, AssertionError>> {
  const found = new Map<string, AssertionError>();
  for (const { name, run } of checks) {
    const error: unknown = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) continue;
    expect(error).toBeInstanceOf(AssertionError);
    found.set(name, error as AssertionError);
  }
  return found;
}

/** Expects that a broken implementation is found by a check, which says what was expected and where the rule is. */
export async function expectFound(suite: ConformanceSuite, name: string, message: RegExp): Promise<void> {
  const check = suite.checks.find((each) => each.name === name);
  if (check === undefined) expect.fail(`there is no check "${name}"`);
  const failures = await failuresOf({ ...suite, checks: [check] });
  const error = failures.get(name);
  if (error === undefined) expect.fail(`the check "${name}" did not find what was broken`);
  expect(error.message).toContain(name);
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(/\nThe rule: docs\/extending\.md#[\w-]+$/);
}
