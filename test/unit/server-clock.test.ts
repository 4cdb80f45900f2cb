import { describe, expect, it } from 'vitest';
import { ServerClock } from '../../src/queue/engine/index.ts';

/** A clock that goes on when it is told to, and a server with one of its own. */
function clocks() {
  let now = 5_000;
  const own = { now: () => now, setTimer: () => () => {} };
  const server = { ahead: 1_000_000, takes: [] as number[], asked: 0, isAway: false };
  const clock = new ServerClock(async () => {
    server.asked += 1;
    await Promise.resolve();
    if (server.isAway) throw new Error('away');
    const takes = server.takes.shift() ?? 10;
    // It looks at its clock before the answer is on its way.
    const time = now + server.ahead;
    now += takes;
    return time;
  }, own);
  return { clock, server, wait: (milliseconds: number) => void (now += milliseconds), now: () => now };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the time of a server', () => {
  it('is that of this machine until it is known', () => {
    const { clock } = clocks();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(60_000);
  });

  it('goes on with a clock that no one sets', async () => {
    const { clock, wait, now } = clocks();
    await clock.measure();
    const realNow = Date.now;
    Date.now = () => realNow() + 3_600_000;
    try {
      wait(20);
      expect(clock.now()).toBeCloseTo(now() + 1_000_000, -2);
    } finally {
      Date.now = realNow;
    }
  });

  it('is asked for again after a while, and by the first who wants to know it alone', async () => {
    const { clock, server, wait, now } = clocks();
    await clock.measure();
    server.ahead = 0;
    wait(59_000);
    clock.now();
    expect(server.asked).toBe(1);
    wait(2_000);
    clock.now();
    clock.now();
    await settled();
    expect(server.asked).toBe(2);
    expect(clock.now()).toBeCloseTo(now(), -2);
  });

  it('is asked for up to three times where answers are slow, and the fastest counts', async () => {
    const { clock, server, now } = clocks();
    server.takes = [9_000, 3_000, 6_000];
    await clock.measure();
    expect(server.asked).toBe(3);
    expect(clock.now() - now()).toBe(1_000_000 - 1_500);
  });

  it('is not taken from an answer that is slower than an earlier one', async () => {
    const { clock, server, wait, now } = clocks();
    await clock.measure();
    const ahead = clock.now() - now();
    server.takes = [9_000, 9_000, 9_000];
    wait(61_000);
    clock.now();
    await settled();
    expect(server.asked).toBe(4);
    expect(clock.now() - now()).toBe(ahead);
  });

  it('stays what it was while the server is away', async () => {
    const { clock, server, wait, now } = clocks();
    await clock.measure();
    const ahead = clock.now() - now();
    server.isAway = true;
    wait(61_000);
    clock.now();
    await settled();
    expect(server.asked).toBe(2);
    expect(clock.now() - now()).toBe(ahead);
  });
});
