import type { DriverConnection } from '../../driver/index.ts';
import { callersOf } from '../../core/index.ts';
import type { CallTrail } from '../call-trail.ts';
import { override } from '../override.ts';

/** How many calls may lie between a statement and the program: libraries have many. */
const depth = 200;
const inPackage = /[\\/]node_modules[\\/]|^node:/;

/** Has the exchanges of a connection run by `run`, one after the other. @returns ends that */
export function standOn(connection: DriverConnection, run: DriverConnection['run']): () => void {
  const watched: Partial<DriverConnection> = { run };
  if (connection.sendAhead !== undefined) watched.sendAhead = () => false;
  if (connection.runEach !== undefined) watched.runEach = () => undefined;
  return override(connection, watched);
}

/** The place in the program that calls. @param trail where what runs was begun, for what does not show on the stack */
export function calledFrom(trail?: CallTrail): string | undefined {
  if (trail !== undefined) return trail.placeOf(calledFrom);
  return callersOf(calledFrom, depth).find((each) => !inPackage.test(each));
}
