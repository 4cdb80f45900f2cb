import type { Exchange, Reach, Step } from '../../../driver/index.ts';

/** What is not known of the COMMIT is not known of the exchange. */
const reachOf: Readonly<Record<Reach, Reach>> = {
  unsent: 'uncommitted',
  unanswered: 'open',
  uncommitted: 'uncommitted',
  open: 'open',
};

/** Whether a COMMIT would travel with what it commits. */
export function endsWithCommit(steps: readonly Step[]): boolean {
  return steps.length > 1 && steps.at(-1)?.type === 'commit';
}

/** Carries steps out, and sends their COMMIT when the others were answered. @param run carries out a part of them */
export async function runCommitApart(
  steps: readonly Step[],
  run: (steps: readonly Step[]) => Promise<Exchange>,
): Promise<Exchange> {
  const first = await run(steps.slice(0, -1));
  if (first.failure !== undefined) return first;
  const { completed, failure, ended } = await run(steps.slice(-1));
  const reached = failure?.reached === undefined ? {} : { reached: reachOf[failure.reached] };
  return {
    completed: first.completed + completed,
    results: first.results,
    failure: failure === undefined ? undefined : { ...failure, ...reached },
    ended,
  };
}
