import type { Db } from '../../../index.ts';
import { cancelSaga, findSaga, listSagas, resumeSaga, type SagaStatus } from '../../../saga/index.ts';
import { type Given, UsageError } from '../command-line/command.ts';
import { numberOf } from '../command-line/numbers.ts';
import { type Action, onDatabase } from '../servers/on-database.ts';
import { styleFor } from '../terminal/style.ts';
import { harmless } from '../terminal/text.ts';
import { sagaReport, sagaTable } from './report.ts';

/** Lists sagas, shows one, lets one go on or cancels it. @returns the exit code */
export async function runSagas(given: Given): Promise<number> {
  return await onDatabase('sluice sagas', given, actionOf(given));
}

/** @throws UsageError */
function actionOf(given: Given): Action {
  const { values, positionals } = given;
  const [action = '', saga, id] = positionals;
  if (action === 'list') {
    if (saga !== undefined) throw new UsageError('"sluice sagas list" takes nothing but options');
    const limit = numberOf(given, 'limit', { otherwise: 100, most: 1_000 });
    const { status, saga: name } = values;
    return (db) => list(db, { saga: name, status: status as SagaStatus | undefined, limit });
  }
  const found = ofOne.get(action);
  if (found === undefined) throw new UsageError('"sluice sagas" takes list, show, resume or cancel');
  if (saga === undefined || id === undefined) throw new UsageError(`"sluice sagas ${action}" needs SAGA ID`);
  const unused = ['status', 'saga', 'limit'].find((name) => values[name] !== undefined);
  if (unused !== undefined) throw new UsageError(`"sluice sagas ${action}" takes no --${unused}`);
  return (db) => found(db, saga, id);
}

/** What is done with one saga. */
const ofOne = new Map(Object.entries({ show, resume, cancel }));

async function list(db: Db, options: Parameters<typeof listSagas>[1]): Promise<number> {
  const { sagas, cursor } = await listSagas(db, options);
  console.log(sagas.length === 0 ? 'There are no such sagas.' : sagaTable(sagas, styleFor(process.stdout)));
  if (cursor !== undefined) console.error('There are more: give --limit, --saga or --status.');
  return 0;
}

async function show(db: Db, saga: string, id: string): Promise<number> {
  const found = await findSaga(db, saga, id);
  if (found !== undefined) {
    console.log(sagaReport(found, styleFor(process.stdout)));
    return 0;
  }
  console.error(`There is no saga "${harmless(saga)}" with the id "${harmless(id)}".`);
  return 1;
}

async function resume(db: Db, saga: string, id: string): Promise<number> {
  const name = harmless(`${saga} ${id}`);
  console.log((await resumeSaga(db, saga, id)) ? `${name} goes on.` : `${name} is not stuck, and goes on as before.`);
  return 0;
}

async function cancel(db: Db, saga: string, id: string): Promise<number> {
  await cancelSaga(db, saga, id);
  console.log(`${harmless(`${saga} ${id}`)} is cancelled: its steps are undone by the processes that drive it.`);
  return 0;
}
