import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SlowLook } from '../../src/inspector/look/slow-look.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** One that is asked by hand, and answers when it is told to. */
function byHand(every: number) {
  const asked: ((found: number) => void)[] = [];
  const ask = (): Promise<number> => new Promise((resolve) => asked.push(resolve));
  const look = new SlowLook({ ask, nothing: 0, problem: 'It cannot be counted', every });
  const answer = async (took: number): Promise<void> => {
    vi.advanceTimersByTime(took);
    asked.at(-1)?.(1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** Whether another question is sent after so many milliseconds more. */
  const asksAfter = (more: number): boolean => {
    vi.advanceTimersByTime(more);
    const before = asked.length;
    look.ask();
    return asked.length > before;
  };
  return { answer, asksAfter };
}

describe('what a server is asked now and then', () => {
  it('is asked again after its pause, where the answer comes soon', async () => {
    const { answer, asksAfter } = byHand(5_000);
    expect(asksAfter(0)).toBe(true);
    await answer(100);
    expect(asksAfter(4_899)).toBe(false);
    expect(asksAfter(1)).toBe(true);
  });

  it('takes no more than a twentieth of the time, where the answer takes long', async () => {
    const { answer, asksAfter } = byHand(5_000);
    expect(asksAfter(0)).toBe(true);
    expect(asksAfter(900)).toBe(false);
    await answer(100);
    expect(asksAfter(18_999)).toBe(false);
    expect(asksAfter(1)).toBe(true);
    await answer(10);
    expect(asksAfter(4_990)).toBe(true);
  });

  it('is asked at once where it has no pause', async () => {
    const { answer, asksAfter } = byHand(0);
    expect(asksAfter(0)).toBe(true);
    expect(asksAfter(1_000)).toBe(false);
    await answer(0);
    expect(asksAfter(0)).toBe(true);
  });
});
