import { randomBytes } from 'node:crypto';
import { currentFrame } from '../context/index.ts';
import { type Check, checkedArgument, InvalidOptionError, label } from '../core/index.ts';
import { ambientContext } from '../tables/index.ts';
import { assertUnfinished } from './administration.ts';
import { storedName } from './definition.ts';
import type { SagaDefinition } from './saga.ts';
import type { SagaDriver } from './driver.ts';
import { SagaConflictError, SagaInTransactionError } from './errors.ts';
import type { SagaName } from './failure.ts';
import { type NewSaga, type ParentStep, type SagaStore, stored } from './store.ts';
import { notFound, type SagaWaiting } from './waiting.ts';

/** The id of a saga. */
export const anId: Check = label(200);
const aName = label(200);
const ofChildren = 'child:';
/** The name of a signal that programs give. */
const aSignal: Check = (value) =>
  aName(value) ??
  (String(value).startsWith(ofChildren) ? `another name: with "${ofChildren}" children end` : undefined);

/** What all sagas of a process have in common. */
export interface Engine {
  readonly ambient: SagaStore;
  readonly own: SagaStore;
  readonly driver: SagaDriver;
  readonly waiting: SagaWaiting;
  readonly maxPayload: number;
  readonly lease: number;
}

export function newSaga(
  { maxPayload }: Pick<Engine, 'maxPayload'>,
  definition: SagaDefinition<never>,
  id: string,
  input: unknown,
  parent?: ParentStep,
): NewSaga {
  return {
    saga: definition.name,
    id,
    definition: storedName(definition),
    input: stored(`The input of the saga "${definition.name}"`, input, maxPayload),
    context: JSON.stringify(ambientContext()),
    seed: randomBytes(16).toString('hex'),
    parent,
    createdAt: Date.now(),
  };
}

export async function assertSame(store: SagaStore, { saga, id, input }: NewSaga): Promise<void> {
  const found = await store.inputOf(saga, id);
  if (found === undefined || found.input === input) return;
  throw new SagaConflictError({
    what: `There is a saga "${saga}" with this id already, and it has another input`,
    remedy: 'Give each piece of work an id of its own',
    saga,
    id,
  });
}

/** @throws SagaConflictError where the saga with this id is not the child of the step that starts it */
export async function assertChild(store: SagaStore, { saga, id, parent }: NewSaga): Promise<void> {
  const found = await store.parentOf(saga, id);
  if (found?.saga === parent?.saga && found?.id === parent?.id && found?.step === parent?.step) return;
  throw new SagaConflictError({
    what: `There is a saga "${saga}" with the id of this child already, which another one has started`,
    remedy: 'Leave ids with "/" to sagas that are children',
    saga,
    id,
  });
}

export async function signal(engine: Engine, name: SagaName, signalName: string, data: unknown): Promise<void> {
  checkedArgument('signal', 'name', signalName, aSignal);
  const json = stored(`The signal "${signalName}"`, data, engine.maxPayload);
  const { ambient, driver } = engine;
  const isGiven = await ambient.signalWhole(name.saga, name.id, signalName, json);
  if (!isGiven) await assertUnfinished(ambient.db, name);
  ambient.db.commit(() => driver.poke());
}

/** The saga with an id. @throws SagaNotFoundError; InvalidOptionError where there are several */
export async function theOnly({ ambient }: Engine, names: readonly string[], id: string): Promise<SagaName> {
  checkedArgument('signal', 'id', id, anId);
  const [found, other] = await ambient.states(names.map((saga) => ({ saga, id })));
  if (found === undefined) throw notFound({ saga: names.join('" or "'), id });
  if (other === undefined) return found;
  throw new InvalidOptionError({
    what: `signal got an id that sagas of "${found.saga}" and of "${other.saga}" have`,
    remedy: `Say which: sagas.${found.saga}.get(id).signal(name, data)`,
  });
}

/** @throws SagaInTransactionError */
export function refuseTransaction(saga: string): void {
  const frame = currentFrame();
  if (frame === undefined || frame.held < 0) return;
  const isTest = frame.scope?.base !== undefined;
  throw new SagaInTransactionError({
    what: isTest
      ? `The saga "${saga}" was to be waited for in a test that is rolled back, whose rows its own transactions do not see`
      : `The saga "${saga}" was to be waited for in a transaction, which it outlives, and which holds what it may need`,
    remedy: isTest
      ? 'Test it without rollbackEach() and rolledBack(), with ids of its own or a database of testDatabases()'
      : 'Call start() in the transaction, and ask for the result after its commit',
  });
}
