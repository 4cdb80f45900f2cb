import { describe, expect, it } from 'vitest';
import { arrived, travelling } from '../../src/core/index.ts';
import { ChainDeadlockError, ConnectError, SluiceError } from '../../src/index.ts';

const at = { clientName: 'shop', level: 2 };
const error = new ConnectError({ what: 'It failed', remedy: 'Repair it', transient: true, at });

/** As it comes out of JSON. */
const sent = (thrown: unknown): unknown => JSON.parse(JSON.stringify(travelling(thrown) ?? null));

describe('an error on its way to another process', () => {
  it.each<[string, unknown]>([
    ['thrown itself', error],
    ['wrapped by a library', new Error('QueryFailedError', { cause: error })],
  ])('%s, has its code, message, remedy, retryable, docs and place', (_, thrown) => {
    expect(arrived(sent(thrown))).toMatchObject({
      name: 'ConnectError',
      message: error.message,
      code: 'CONNECT_FAILED',
      remedy: 'Repair it',
      retryable: true,
      docs: error.docs,
      clientName: 'shop',
      level: 2,
    });
  });

  it('is an error of Sluice, and of no class whose fields it does not have', () => {
    const found = arrived(sent(error));
    expect([found instanceof SluiceError, found instanceof ConnectError, found instanceof ChainDeadlockError]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is nothing for an error of the program', () => {
    expect(travelling(new Error('mine'))).toBeUndefined();
  });

  it('is not longer than what may come', () => {
    const long = new ConnectError({ what: 'x'.repeat(100_000), remedy: 'y'.repeat(100_000), at });
    expect(JSON.stringify(sent(long)).length).toBeLessThan(3_500);
    expect(arrived(sent(long))?.code).toBe('CONNECT_FAILED');
  });
});

describe('what comes from outside', () => {
  const good = sent(error) as Record<string, unknown>;

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'CONNECT_FAILED'],
    ['a list', [good]],
    ['an empty object', {}],
    ['a code that is none', { ...good, code: 'constructor' }],
    ['a code that is a path', { ...good, code: '../../../etc' }],
    ['a code without end', { ...good, code: 'A'.repeat(100) }],
    ['a message that is no text', { ...good, message: { toString: 1 } }],
    ['a message without end', { ...good, message: 'x'.repeat(3_000) }],
    ['a remedy without end', { ...good, remedy: 'x'.repeat(3_000) }],
    ['no remedy', { ...good, remedy: undefined }],
    ['retryable that is text', { ...good, retryable: 'yes' }],
  ])('is no error: %s', (_, value) => {
    expect(arrived(value)).toBeUndefined();
  });

  it.each<[string, object]>([
    ['a client that is no text', { clientName: {} }],
    ['a client without end', { clientName: 'x'.repeat(1_000) }],
  ])('has no place: %s', (_, wrong) => {
    expect(arrived({ ...good, ...wrong })).toMatchObject({ clientName: undefined, level: undefined });
  });

  it.each([-1, 1.5, 1_001, '1', {}])('has no level: %j', (level) => {
    expect(arrived({ ...good, level })).toMatchObject({ clientName: 'shop', level: undefined });
  });
});
