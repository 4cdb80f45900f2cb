import type { ConnectFailure } from '../../../driver/index.ts';
import { codeOf } from '../wire/server-error.ts';
import { TargetSessionError } from './target-session.ts';

/** The server has no room just now, or is starting or stopping: it may accept the next attempt. */
const transientRefusals: ReadonlySet<string> = new Set(['53300', '57P03', '57P01']);

export function describeConnectFailure(error: unknown): ConnectFailure {
  // Another server may take over from one that is gone.
  return { error, transient: error instanceof TargetSessionError || transientRefusals.has(codeOf(error)) };
}
