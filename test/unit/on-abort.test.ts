import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/connection/cancellation.ts';
import { onAbort, systemClock } from '../../src/core/index.ts';

describe('onAbort()', () => {
  it('calls back all who follow, in their order, once, with a single listener', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    const twice = (): void => void called.push('twice');
    onAbort(signal, twice);
    const takeBack = onAbort(signal, () => called.push('taken back'));
    onAbort(signal, () => called.push('third'));
    onAbort(signal, twice);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    takeBack();
    takeBack();
    controller.abort();
    expect(called).toEqual(['twice', 'third', 'twice']);
    onAbort(signal, () => called.push('later'));
    expect(called.at(-1)).toBe('later');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('leaves no listener behind where all were taken back, and begins anew', () => {
    const controller = new AbortController();
    const { signal } = controller;
    for (const takeBack of [onAbort(signal, () => {}), onAbort(signal, () => {})]) takeBack();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    let called = 0;
    onAbort(signal, () => (called += 1));
    controller.abort();
    expect(called).toBe(1);
  });

  it('lets one who follows take back another as it is called', () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => takeBack());
    const takeBack = onAbort(controller.signal, () => called.push('taken back'));
    onAbort(controller.signal, () => called.push('last'));
    controller.abort();
    expect(called).toEqual(['last']);
  });
});

describe('a cancellation', () => {
  it('is followed no more by work that has ended, however much there was', async () => {
    const cancellation = new Cancellation(systemClock, () => undefined);
    const controller = new AbortController();
    cancellation.onSignal(controller.signal);
    const { signal } = cancellation;
    if (signal === undefined) throw new Error('it has no signal');
    for (let times = 0; times < 100; times += 1) {
      await cancellation.race(Promise.resolve(times));
      await cancellation.bounded(Promise.resolve(times));
    }
    await cancellation.race(Promise.reject(new Error('refused'))).catch(() => {});
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    cancellation.stop();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});
