// Random programs of scopes on a real server, against a model of a few lines.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Database, Propagation } from '../../src/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { type Plan, predict } from '../support/scope-model.ts';

const server = useTestDatabase();

/** Whether what runs beside a transaction may write, too. */
const independent = engine.lacks['several writers'] === undefined;
const propagations: readonly Propagation[] = independent
  ? [...Object.values(Propagation), 'REQUIRED', 'NESTED', 'REQUIRES_NEW']
  : ['REQUIRED', 'NESTED', 'SUPPORTS', 'MANDATORY', 'NEVER', 'REQUIRED', 'NESTED'];

/**
 * In parallel branches no statement fails on the server: whether a sibling's statement comes before
 * or after it would be a matter of luck.
 */
function planOf(depth: number, parallel: boolean): fc.Arbitrary<Plan> {
  const statement = fc.constant<Plan>({ type: 'insert', id: 0 });
  const failing = fc.constant<Plan>({ type: 'fail' });
  const leaves = [{ weight: 3, arbitrary: statement }, ...(parallel ? [] : [{ weight: 1, arbitrary: failing }])];
  if (depth === 0) return fc.oneof(...leaves);
  const bodyOf = (inParallel: boolean): fc.Arbitrary<Plan[]> =>
    fc.array(planOf(depth - 1, inParallel), { maxLength: 4 });
  const scope = fc.record({
    type: fc.constant('scope' as const),
    id: fc.constant(0),
    propagation: fc.constantFrom(...propagations),
    body: bodyOf(parallel),
    throws: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    caught: fc.boolean(),
  });
  return fc.oneof(
    ...leaves,
    { weight: 6, arbitrary: scope },
    ...(independent
      ? [{ weight: 1, arbitrary: fc.record({ type: fc.constant('isolate' as const), body: bodyOf(parallel) }) }]
      : []),
    { weight: 1, arbitrary: fc.record({ type: fc.constant('parallel' as const), body: bodyOf(true) }) },
  );
}

let lastId = 0;

/** Gives every insert and scope an id of its own. */
function numbered(plan: Plan): Plan {
  lastId += 1;
  const id = lastId;
  if (plan.type === 'insert') return { ...plan, id };
  if (plan.type === 'fail') return plan;
  return plan.type === 'scope'
    ? { ...plan, id, body: plan.body.map(numbered) }
    : { ...plan, body: plan.body.map(numbered) };
}

async function execute(database: Database<'default'>, plans: readonly Plan[]): Promise<string[]> {
  const hooks: string[] = [];
  const swallow = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => undefined);

  async function runAll(body: readonly Plan[]): Promise<void> {
    for (const plan of body) await runOne(plan);
  }
  async function runOne(plan: Plan): Promise<unknown> {
    const db = database.current;
    switch (plan.type) {
      case 'insert':
        return await swallow(db.query('insert into product (id) values ($1)', [plan.id]));
      case 'fail':
        return await swallow(db.query(engine.sql.failing));
      case 'isolate':
        return await database.switchDbIsolate(() => runAll(plan.body));
      case 'parallel':
        return await Promise.allSettled(plan.body.map(runOne));
      case 'scope': {
        const scope = database.transaction(
          async () => {
            database.current.commit(() => hooks.push(`commit ${plan.id}`));
            database.current.compensate(() => hooks.push(`compensate ${plan.id}`));
            await runAll(plan.body);
            if (plan.throws) throw new Error(`scope ${plan.id} throws`);
          },
          { propagation: plan.propagation },
        );
        return plan.caught ? await swallow(scope) : await scope;
      }
    }
  }
  await swallow(runAll(plans));
  return hooks;
}

it('2,000 random programs leave the rows and run the hooks that the model says', { timeout: 240_000 }, async () => {
  const database = server.open({ max: 1, maxLevel: 7 });
  const totals = { rows: 0, hooks: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.nat(6).chain((depth) => planOf(depth, false)),
        { minLength: 1, maxLength: 3 },
      ),
      async (shapes) => {
        const before = lastId;
        const plans = shapes.map(numbered);
        const hooks = await execute(database, plans);
        const rows = await server.sql<{ id: number }>('select id from product where id > $1 and id <= $2 order by id', [
          before,
          lastId,
        ]);
        const expected = predict(plans, engine.lacks['failures doom'] === undefined);
        expect({ rows: rows.map(({ id }) => id), hooks: hooks.toSorted() }).toEqual(expected);
        expect(database.stats().clients.default.used).toBe(0);
        totals.rows += rows.length;
        totals.hooks += hooks.length;
      },
    ),
    { numRuns: 2_000 },
  );
  // The programs were worth their while.
  expect(totals.rows).toBeGreaterThan(2_000);
  expect(totals.hooks).toBeGreaterThan(4_000);
});
