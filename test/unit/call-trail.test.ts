import { expect, it } from 'vitest';
import { CallTrail } from '../../src/testing/call-trail.ts';

/** The line that calls it. */
function lineOf(trail: CallTrail): number | undefined {
  const line = /call-trail\.test\.ts:(\d+):/.exec(trail.placeOf(lineOf) ?? '')?.[1];
  return line === undefined ? undefined : Number(line);
}

it('notes nothing before it follows, nor once it has ended that', async () => {
  let asked = 0;
  const trail = new CallTrail(() => {
    asked += 1;
    return true;
  });
  await Promise.resolve();
  expect(asked).toBe(0);
  const unfollow = trail.follow();
  await Promise.resolve();
  unfollow();
  const before = asked;
  expect(before).toBeGreaterThan(0);
  await Promise.resolve();
  expect(asked).toBe(before);
});

it('does not touch how stacks are shown', async () => {
  const settings: { prepareStackTrace?: unknown; stackTraceLimit: number } = Error;
  const before = [settings.prepareStackTrace, settings.stackTraceLimit];
  const unfollow = new CallTrail(() => true).follow();
  await Promise.resolve();
  unfollow();
  expect([settings.prepareStackTrace, settings.stackTraceLimit]).toEqual(before);
});

it('knows the line that is running, not the one that was awaited last', async () => {
  const trail = new CallTrail(() => true);
  const unfollow = trail.follow();
  const first = lineOf(trail);
  await Promise.resolve();
  const second = lineOf(trail);
  unfollow();
  expect(second).toBe((first ?? 0) + 2);
});
