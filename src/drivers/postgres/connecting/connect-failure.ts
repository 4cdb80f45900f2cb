import type { ConnectFailure } from '../../../driver/index.ts';
import { codeOf } from '../wire/server-error.ts';
import { TargetSessionError } from './target-session.ts';

/** The server has no room just now, or is starting or stopping: it may accept the next attempt. */
const transientRefusals: ReadonlySet<string> = new Set(['53300', '57P03', '57P01']);

const room = 'Raise max_connections, or lower the budgets: that of each process counts';
const login = 'Check the user, the password and what pg_hba.conf allows';
/** What the server says to these names no more than users, databases and hosts. */
const remedies: ReadonlyMap<string, string> = new Map([
  ['3D000', 'Create the database, or correct its name in the connection settings'],
  ['28000', login],
  ['28P01', login],
  ['42501', 'Grant the user CONNECT on the database'],
  ['53300', room],
  ['53400', room],
  ['57P03', 'Wait until the server has started'],
]);

export function describeConnectFailure(error: unknown): ConnectFailure {
  // Another server may take over from one that is gone.
  const code = codeOf(error);
  const remedy = remedies.get(code);
  return {
    error,
    transient: error instanceof TargetSessionError || transientRefusals.has(code),
    ...(remedy === undefined || !(error instanceof Error) ? {} : { says: error.message, remedy }),
  };
}
