import { describe, expectTypeOf, it } from 'vitest';
import { createEvents, defineEvent, type EventDefinition } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { defineTopic } from '../../src/outbox/index.ts';
import type { AsJson } from '../../src/payload/index.ts';
import { idempotent, type IdempotentAnswer } from '../../src/ports/idempotency/index.ts';
import { memory } from '../../src/queue/engines/memory/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { defineSaga } from '../../src/saga/index.ts';

interface Order {
  readonly id: number & { readonly brand: 'order' };
  readonly at: Date;
  readonly lines?: readonly { readonly until: Date }[] | undefined;
  total(): number;
}
interface ArrivedOrder {
  readonly id: number & { readonly brand: 'order' };
  readonly at: string;
  readonly lines?: readonly { readonly until: string }[] | undefined;
}

declare const database: Database;
const parse = (value: unknown): Order => value as Order;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Dated = null | string | Date | readonly Dated[] | { readonly [name: string]: Dated };
interface Part {
  readonly since: Date;
  readonly parts: readonly Part[];
}
interface Plain {
  readonly id: number & { readonly brand: 'order' };
  readonly note?: string | undefined;
  readonly place: readonly [number, string];
  readonly by: Record<string, number>;
  readonly any: unknown;
  readonly parts: Plain[];
}
declare class Money {
  readonly cents: number;
  plus(other: Money): Money;
}

describe('what travels as JSON has the types that it arrives with', () => {
  it('a payload of an event, unless it is parsed', () => {
    const events = (): ReturnType<typeof createEvents> => createEvents(database);
    const placed = defineEvent<Order>('order.placed');
    expectTypeOf(() => events().publish(placed, {} as Order)).returns.resolves.toBeVoid();
    expectTypeOf(() =>
      events().on(placed, { phase: 'afterCommit' }, (order) => {
        expectTypeOf(order).toEqualTypeOf<ArrivedOrder>();
      }),
    ).toBeFunction();
    expectTypeOf(() =>
      events().on(defineEvent<Order>('order.paid', { parse }), { phase: 'durable', id: 'x' }, (order) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
      }),
    ).toBeFunction();
  });

  it('a message of a topic, unless it is parsed', () => {
    expectTypeOf(defineTopic<Order>('orders').parse).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    expectTypeOf(defineTopic<Order>('orders', { parse }).parse).returns.resolves.toEqualTypeOf<Order>();
  });

  it('the data and the result of a job', () => {
    const queues = { invoice: defineQueue<Order, Order>('invoice') };
    const jobs = (): Jobs<typeof queues> => createJobs(database, { engine: memory(), queues });
    expectTypeOf(() => jobs().queues.invoice.pushAsync({} as Order)).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    expectTypeOf(
      async () => await (await jobs().queues.invoice.push({} as Order)).result(),
    ).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    const handle = () =>
      jobs()
        .worker()
        .handle(queues.invoice, (order) => {
          expectTypeOf(order).toEqualTypeOf<ArrivedOrder>();
          return parse(order);
        });
    expectTypeOf(handle).toBeFunction();
  });

  it('the input of a saga, which is declared as it arrives', () => {
    expectTypeOf(defineSaga('checkout', async (saga, order: ArrivedOrder) => `${saga.id} ${order.at}`)).toBeObject();
    expectTypeOf(defineSaga('checkout', async (saga) => saga.id)).toBeObject();
    // @ts-expect-error a date arrives as text
    expectTypeOf(defineSaga('checkout', async (saga, order: Order) => `${saga.id} ${order.id}`)).toBeObject();
  });

  it('refuses an input of a saga of which JSON loses a part, and takes every other one', () => {
    defineSaga('x', async (saga, input: Plain) => `${saga.id} ${input.id}`);
    defineSaga('x', async (saga, input: Plain | null) => `${saga.id} ${input?.id}`);
    defineSaga('x', async (saga, input: { kind: 'a' } | { kind: 'b'; order?: Plain }) => `${saga.id} ${input.kind}`);
    defineSaga('x', async (saga, input: unknown) => `${saga.id} ${typeof input}`);
    defineSaga('x', async (saga, input: Json) => `${saga.id} ${typeof input}`);
    // @ts-expect-error methods
    defineSaga('x', async (saga, input: Money) => `${saga.id} ${input.cents}`);
    // @ts-expect-error methods, further in
    defineSaga('x', async (saga, input: { readonly sum: Money }) => `${saga.id} ${input.sum.cents}`);
    // @ts-expect-error a Map
    defineSaga('x', async (saga, input: Map<string, number>) => `${saga.id} ${input.size}`);
    // @ts-expect-error a Set
    defineSaga('x', async (saga, input: { tags: Set<string> }) => `${saga.id} ${input.tags.size}`);
    // @ts-expect-error a bigint
    defineSaga('x', async (saga, input: { n: bigint }) => `${saga.id} ${input.n}`);
    // @ts-expect-error an optional function
    defineSaga('x', async (saga, input: { pay?: () => void }) => `${saga.id} ${typeof input.pay}`);
    // @ts-expect-error a date in one of a union
    defineSaga('x', async (saga, input: { kind: 'a' } | { kind: 'b'; at: Date }) => `${saga.id} ${input.kind}`);
    // @ts-expect-error a date in what refers to itself
    defineSaga('x', async (saga, input: Part) => `${saga.id} ${input.parts.length}`);
    // @ts-expect-error bytes
    defineSaga('x', async (saga, input: { bytes: Uint8Array }) => `${saga.id} ${input.bytes.length}`);
  });

  it('the data of a signal', () => {
    defineSaga('x', async (saga) => {
      expectTypeOf(await saga.waitFor<{ readonly at: Date }>('paid')).toEqualTypeOf<{ readonly at: string }>();
      expectTypeOf(await saga.waitFor('paid')).toBeUnknown();
      const child = defineSaga('y', async (inner) => await inner.step('now', () => ({ at: new Date() })));
      expectTypeOf(await saga.child('child', child, undefined)).toEqualTypeOf<{ at: string }>();
    });
  });

  it('types that refer to themselves', () => {
    expectTypeOf(defineTopic<Json>('json').parse).returns.resolves.toEqualTypeOf<Json>();
    expectTypeOf(defineTopic<Part>('parts').parse).returns.resolves.toHaveProperty('parts');
    expectTypeOf<AsJson<Part>['parts'][number]['parts'][number]['since']>().toBeString();
    expectTypeOf<Date>().toExtend<Dated>();
    expectTypeOf<Date>().not.toExtend<AsJson<Dated>>();
    expectTypeOf<readonly string[]>().toExtend<AsJson<Dated>>();
    expectTypeOf(defineEvent<Json>('json')).toEqualTypeOf<EventDefinition<Json, Json>>();
    expectTypeOf(defineEvent<Dated>('dated')).toBeObject();
    const queues = { json: defineQueue<Json, Dated>('json') };
    const jobs = (): Jobs<typeof queues> => createJobs(database, { engine: memory(), queues });
    expectTypeOf(() => jobs().queues.json.pushAsync([1])).returns.resolves.toEqualTypeOf<AsJson<Dated>>();
    const answer = (): Promise<IdempotentAnswer<Json>> =>
      idempotent(database, { key: 'a', scope: 'b', fingerprint: '' }, (): Json => []);
    expectTypeOf(answer).toBeFunction();
    defineSaga('x', async (saga): Promise<Json> => {
      expectTypeOf(await saga.waitFor<Json>('paid')).toEqualTypeOf<Json>();
      return await saga.step('one', (): Json => ({}));
    });
  });
});
