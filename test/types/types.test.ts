import express from 'express';
import { describe, expectTypeOf, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createEvents, defineEvent, type ListenerOptions } from '../../src/events/index.ts';
import { transactional } from '../../src/frameworks/express/index.ts';
import { createDatabase, type QueryResult } from '../../src/index.ts';

const database = createDatabase({ clients: { shop: postgres(), reports: postgres() }, defaultClient: 'shop' });

describe('types infer', () => {
  it('the result of a body, awaited', () => {
    expectTypeOf(() => database.transaction(async () => 5)).returns.resolves.toBeNumber();
    expectTypeOf(() => database.transaction(() => 'x')).returns.resolves.toBeString();
    expectTypeOf(() => database.switchDb(async () => true, {})).returns.resolves.toBeBoolean();
  });

  it('the names of the clients', () => {
    expectTypeOf(database.current.clientName).toEqualTypeOf<'shop' | 'reports'>();
    // @ts-expect-error there is no such client
    expectTypeOf(() => database.getDb({ clientName: 'shpo' })).toBeFunction();
    // @ts-expect-error the default has to be one of the clients
    expectTypeOf(() => createDatabase({ clients: { shop: postgres() }, defaultClient: 'reports' })).toBeFunction();
    expectTypeOf(() => database.stats().clients.reports.budget).returns.toBeNumber();
  });

  it('rows, unknown unless the caller says what they are', () => {
    expectTypeOf(() => database.current.query('select 1')).returns.resolves.toEqualTypeOf<QueryResult>();
    expectTypeOf(() => database.current.query<{ id: number }>('select 1')).returns.resolves.toEqualTypeOf<
      QueryResult<{ id: number }>
    >();
  });

  it('options: only what there is', () => {
    // @ts-expect-error not a propagation
    expectTypeOf(() => database.transaction(() => 1, { propagation: 'SOMETIMES' })).toBeFunction();
    // @ts-expect-error not an option
    expectTypeOf(() => database.transaction(() => 1, { isolation: 'SERIALIZABLE' })).toBeFunction();
    expectTypeOf(() =>
      database.transaction(() => 1, { isolationLevel: 'read committed' }),
    ).returns.resolves.toBeNumber();
    // @ts-expect-error not a spelling
    expectTypeOf(() => database.transaction(() => 1, { isolationLevel: 'Read Committed' })).toBeFunction();
  });

  it('decorated methods have to be async', () => {
    const decorate = database.Transactional();
    expectTypeOf(decorate).toBeCallableWith({}, 'place', { value: async (id: number) => id });
    // @ts-expect-error a synchronous method would return something else than it says
    expectTypeOf(decorate).toBeCallableWith({}, 'place', { value: (id: number) => id });
  });

  it('what a listener gets, and what its options are, by its phase', () => {
    const events = createEvents(database);
    const placed = defineEvent<{ readonly orderId: number }>('order.placed');
    events.on(placed, { phase: 'afterRollback' }, ({ orderId }, { error }) => {
      expectTypeOf(orderId).toBeNumber();
      expectTypeOf(error).toBeUnknown();
    });
    events.on(placed, { phase: 'durable', id: 'invoice', timeout: 1_000 }, (_, { attempt }) => {
      expectTypeOf(attempt).toBeNumber();
    });
    expectTypeOf<ListenerOptions<'durable'>>().toHaveProperty('id').toBeString();
    // @ts-expect-error it may be a durable one, which has an id
    expectTypeOf<{ phase: 'durable' | 'afterCommit' }>().toExtend<ListenerOptions>();
    // @ts-expect-error a durable one has an id
    expectTypeOf(() => events.on(placed, { phase: 'durable' }, () => {})).toBeFunction();
    // @ts-expect-error others have none
    expectTypeOf(() => events.on(placed, { phase: 'afterCommit', id: 'mail' }, () => {})).toBeFunction();
  });

  it('what a handler of Express gets, where its route is written around transactional()', () => {
    express().post(
      '/orders/:id',
      transactional((request, response) => {
        expectTypeOf(request.params).toEqualTypeOf<express.Request['params']>();
        expectTypeOf(request.query).toEqualTypeOf<express.Request['query']>();
        expectTypeOf(request.body).toEqualTypeOf<express.Request['body']>();
        response.json({ id: request.params.id });
      }),
    );
    transactional<{ id: string }, { sold: boolean }, { quantity: number }, object>((request, response) => {
      expectTypeOf(request.params.id).toBeString();
      expectTypeOf(request.body.quantity).toBeNumber();
      // @ts-expect-error not what is answered
      response.json({ bought: true });
    });
  });
});
