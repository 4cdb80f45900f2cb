import type { Db } from '../../../index.ts';
import { listPublications, type PublicationState, resubmitPublications } from '../../../events/index.ts';
import { type Given, UsageError } from '../command-line/command.ts';
import { numberOf } from '../command-line/numbers.ts';
import { type Action, onDatabase } from '../servers/on-database.ts';
import { styleFor } from '../terminal/style.ts';
import { counted } from '../terminal/text.ts';
import { publicationTable } from './report.ts';

/** Lists publications of transactional events that are not completed, or has them run again. @returns the exit code */
export async function runEvents(given: Given): Promise<number> {
  return await onDatabase('sluice events', given, actionOf(given));
}

/** @throws UsageError */
function actionOf(given: Given): Action {
  const { values, flags, positionals } = given;
  const [action, ...numbers] = positionals;
  const { state, listener } = values;
  if (action === 'list') {
    if (numbers.length > 0) throw new UsageError('"sluice events list" takes nothing but options');
    if (flags.has('all')) throw new UsageError('"sluice events list" takes no --all');
    const limit = numberOf(given, 'limit', { otherwise: 100, most: 1_000 });
    return (db) => list(db, { state: state as PublicationState | undefined, listener, limit });
  }
  if (action !== 'resubmit') throw new UsageError('"sluice events" takes list or resubmit');
  if (state !== undefined) throw new UsageError('"sluice events resubmit" takes no --state');
  const named = [numbers.length > 0, listener !== undefined, flags.has('all')].filter(Boolean).length;
  if (named !== 1) throw new UsageError('"sluice events resubmit" needs NUMBER..., --listener <id> or --all');
  if (numbers.length === 0) {
    const limit = numberOf(given, 'limit', { otherwise: 1_000, most: 100_000 });
    return (db) => resubmit(db, listener === undefined ? { all: true, limit } : { listener, limit });
  }
  if (values['limit'] !== undefined) throw new UsageError('"sluice events resubmit NUMBER..." takes no --limit');
  const odd = numbers.find((number) => !/^\d{1,18}$/.test(number));
  if (odd !== undefined)
    throw new UsageError(`"sluice events resubmit" got ${JSON.stringify(odd)} in place of a number`);
  return (db) => resubmit(db, { numbers });
}

async function list(db: Db, options: Parameters<typeof listPublications>[1]): Promise<number> {
  const { publications, cursor } = await listPublications(db, options);
  const none = 'There are no such publications.';
  console.log(publications.length === 0 ? none : publicationTable(publications, styleFor(process.stdout)));
  if (cursor !== undefined) console.error('There are more: give --limit, --listener or --state.');
  return 0;
}

async function resubmit(db: Db, options: Parameters<typeof resubmitPublications>[1]): Promise<number> {
  const count = await resubmitPublications(db, options);
  const which = count === 0 ? 'There are no such publications that could run again' : counted(count, 'publication');
  console.log(count === 0 ? `${which}.` : `${which} ${count === 1 ? 'runs' : 'run'} again.`);
  return 0;
}
