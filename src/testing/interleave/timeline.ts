import { failureName } from '../../core/index.ts';
import { shortPlace } from '../short-place.ts';
import type { ActorEnd, OrderRun, Passage } from './orders/index.ts';

/** One statement of an order, or what begins and ends a transaction. */
export interface InterleavedStep {
  /** Who sent it. */
  readonly actor: string;
  /** SQL without literals; `COMMIT` and its like in words. */
  readonly text: string;
  /** The place in the program that it comes from, as `file:line:column`, where it is known. */
  readonly place: string | undefined;
  /** The actors whose locks it has waited for. */
  readonly waitedFor: readonly string[];
  /** Rows returned or changed; undefined where there were none to count. */
  readonly rowCount: number | undefined;
  /** The code of its failure, or the name, where it failed. */
  readonly failure: string | undefined;
}

/** How an actor has ended in an order. */
export interface InterleavedEnd {
  /** Who. */
  readonly actor: string;
  /** Whether its body returned or threw. */
  readonly type: 'returned' | 'threw';
  /** What it returned or threw. */
  readonly value: unknown;
}

/** The steps of an order, as they were let through. @param show makes a statement fit to be shown */
export function stepsOf(run: OrderRun, show: (text: string) => string): readonly InterleavedStep[] {
  return run.passages.map((passage) => ({
    actor: passage.actor.name,
    text: textOf(passage, show),
    place: passage.place,
    waitedFor: passage.blockedBy,
    rowCount: passage.statements.length === 0 ? undefined : passage.exchange?.results.at(-1)?.rowCount,
    failure: passage.exchange?.failure && failureName(passage.exchange.failure.error),
  }));
}

function textOf({ steps, isLone }: Passage, show: (text: string) => string): string {
  return steps
    .filter(({ type }) => !isLone || type !== 'begin')
    .map((step) => {
      if (step.type === 'statement') return show(step.statement.text).trim();
      if (step.type === 'rollbackTo') return 'ROLLBACK TO SAVEPOINT';
      return isLone ? `its ${step.type.toUpperCase()}` : step.type.toUpperCase();
    })
    .join('; ');
}

/** How the actors have ended. */
export function endsOf(run: OrderRun): readonly InterleavedEnd[] {
  return Object.entries(run.ends).map(([actor, end]) => ({ actor, type: end.type, value: valueOf(end) }));
}

function valueOf(end: ActorEnd): unknown {
  return end.type === 'returned' ? end.value : end.error;
}

/** How often an order goes from one actor to another. */
export function switchesInWords(switches: number): string {
  if (switches === 0) return 'no switch';
  return switches === 1 ? 'one switch' : `${switches} switches`;
}

const widest = 72;

/** The steps as lines, in a column for each actor, with their places. */
export function formatTimeline(
  actors: readonly string[],
  steps: readonly InterleavedStep[],
  ends: readonly InterleavedEnd[],
): string {
  const lines = steps.map(
    (step, at) => `${String(at + 1).padStart(4)}  ${inColumn(actors, step.actor, wordsOf(step))}`,
  );
  const names = actors.map((actor) => inColumn(actors, actor, actor)).join('\n      ');
  const outcomes = ends.map(
    ({ actor, type, value }) => `      ${actor} ${type}${type === 'threw' ? `: ${failureName(value)}` : ''}`,
  );
  return [`      ${names}`, ...lines, ...outcomes].join('\n');
}

function wordsOf({ text, place, waitedFor, failure }: InterleavedStep): string {
  const shown = text.length > widest ? `${text.slice(0, widest)}…` : text;
  const notes = [
    ...(waitedFor.length === 0 ? [] : [`waits for ${waitedFor.join(', ')}`]),
    ...(failure === undefined ? [] : [`fails: ${failure}`]),
  ];
  return `${shown}${notes.length === 0 ? '' : ` [${notes.join('; ')}]`}${place === undefined ? '' : `  (${shortPlace(place)})`}`;
}

function inColumn(actors: readonly string[], actor: string, words: string): string {
  return `${'| '.repeat(Math.max(0, actors.indexOf(actor)))}${words}`;
}
