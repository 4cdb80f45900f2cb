import { describe, expect, it } from 'vitest';
import * as cache from '../../src/cache/index.ts';
import * as sluice from '../../src/index.ts';
import * as model from '../../src/model/index.ts';
import * as outbox from '../../src/outbox/index.ts';
import * as queue from '../../src/queue/index.ts';
import * as testing from '../../src/testing/index.ts';

const { ConnectError, InvalidOptionError, SluiceError, TransactionRequiredError } = sluice;

type ErrorClass = (new (details: object) => sluice.SluiceError) & { readonly code: string | undefined };
const classes = Object.values({ ...sluice, ...outbox, ...queue, ...testing, ...model, ...cache }).filter(
  (value) => typeof value === 'function' && value.prototype instanceof SluiceError,
) as unknown as ErrorClass[];

const details = { what: 'It failed', remedy: 'Repair it' };

describe('SluiceError', () => {
  it('has one code for a class and its errors', () => {
    expect(classes.length).toBeGreaterThan(40);
    for (const type of classes) expect(new type(details).code).toBe(type.code);
  });

  it('leads to the line of its code', () => {
    expect(new InvalidOptionError(details).docs).toBe('docs/errors.md#invalid_option');
  });

  it('is retryable where its class or its details say so, and not otherwise', () => {
    const retryable = classes.filter((type) => new type(details).retryable).map(({ name }) => name);
    expect(retryable.toSorted()).toEqual([
      'AcquireTimeoutError',
      'BrokerUnreachableError',
      'CacheUnavailableError',
      'PreparedStatementMissingError',
      'QueueUnavailableError',
      'RelayUnavailableError',
    ]);
    expect(new ConnectError({ ...details, transient: true }).retryable).toBe(true);
    expect(new InvalidOptionError({ ...details, retryable: true }).retryable).toBe(true);
  });
});

describe('instanceof', () => {
  const error = new TransactionRequiredError(details);

  it('holds for its class and base, and for no other', () => {
    expect([error instanceof TransactionRequiredError, error instanceof SluiceError]).toEqual([true, true]);
    expect(classes.filter((type) => error instanceof type)).toEqual([TransactionRequiredError]);
  });

  it.each([undefined, null, 'text', {}, { code: 'TRANSACTION_REQUIRED' }, new Error('another')])(
    'does not hold for %s',
    (value) => {
      expect(value instanceof SluiceError).toBe(false);
      expect(value instanceof TransactionRequiredError).toBe(false);
    },
  );

  it("holds for a program's own class, and for its errors alone", () => {
    class Closed extends TransactionRequiredError {}
    expect([new Closed(details) instanceof Closed, new Closed(details) instanceof TransactionRequiredError]).toEqual([
      true,
      true,
    ]);
    expect(error instanceof Closed).toBe(false);
  });
});

describe('SluiceError.find', () => {
  const own = new TransactionRequiredError(details);

  it.each<[string, unknown]>([
    ['itself', own],
    ['the cause of an error', new Error('failed', { cause: new Error('inner', { cause: own }) })],
    ['the driver error of TypeORM', Object.assign(new Error('QueryFailedError'), { driverError: own })],
    ['what Prisma keeps', Object.assign(new Error('P2010'), { meta: { driverAdapterError: { cause: own } } })],
    ['one of an AggregateError', new AggregateError([new Error('one'), own])],
  ])('finds %s', (_, error) => {
    expect(SluiceError.find(error)).toBe(own);
  });

  it('finds nothing in what has none, goes in circles or throws where it is read', () => {
    const circle = new Error('a circle');
    circle.cause = circle;
    const hostile = new Proxy(new Error('hostile'), {
      get() {
        throw new Error('read');
      },
      getPrototypeOf() {
        throw new Error('asked');
      },
      has() {
        throw new Error('asked');
      },
    });
    for (const error of [undefined, null, 'text', new Error('another'), circle, hostile])
      expect(SluiceError.find(error)).toBeUndefined();
  });
});
