import { fieldOf } from '../../../core/index.ts';
import {
  type ConnectFailure,
  type Failure,
  type FailureKind,
  failureOfSize,
  type Reach,
  ResultTooLargeError,
} from '../../../driver/index.ts';

/** Numbers of the servers' errors by meaning; see "Server Error Message Reference". */
const kinds: ReadonlyMap<number, FailureKind> = new Map([
  [1213, 'deadlock'],
  [1020, 'serialization'],
  [1205, 'lockTimeout'],
  [3572, 'lockTimeout'],
  [1317, 'cancelled'],
  [1969, 'cancelled'],
  [3024, 'cancelled'],
  [1062, 'uniqueViolation'],
  [1586, 'uniqueViolation'],
  [1216, 'foreignKeyViolation'],
  [1217, 'foreignKeyViolation'],
  [1451, 'foreignKeyViolation'],
  [1452, 'foreignKeyViolation'],
  [3819, 'checkViolation'],
  [4025, 'checkViolation'],
  [1053, 'connectionLost'],
  [1927, 'connectionLost'],
  [4031, 'connectionLost'],
]);

/** After these nothing of the transaction is left on the server, savepoints included: 1206 is that it has no room for more locks. */
const endingTransaction: ReadonlySet<number> = new Set([1213, 1020, 1206]);

/** The server has no room just now, or is starting or stopping: it may accept the next attempt. */
const transientRefusals: ReadonlySet<unknown> = new Set([1040, 1203, 1053, 1226]);

const room = 'Raise max_connections, or lower the budgets: that of each process counts';
const login = 'Check the user, the password and from which hosts the server lets the user in';
/** What the server says with these names no more than users, databases and hosts. */
const remedies: ReadonlyMap<number, string> = new Map([
  [1049, 'Create the database, or correct its name in the connection settings'],
  [1044, 'Grant the user rights on the database'],
  [1045, login],
  [1698, login],
  [1130, login],
  [1040, room],
  [1203, room],
  [1226, room],
]);

export function describeFailure(error: unknown): Failure {
  const number = numberOf(error);
  const kind = kinds.get(number) ?? 'statement';
  const elsewhere = isReadOnlyServer(error) || number === 1053;
  return { kind, error, endsTransaction: endingTransaction.has(number), elsewhere };
}

/** What the loss of its connection means for a statement. */
export function describeLoss(lost: Error, reached: Reach): Failure {
  return lost instanceof ResultTooLargeError ? failureOfSize(lost) : { kind: 'connectionLost', error: lost, reached };
}

/** Whether a statement failed since the server takes none that write; what a transaction has asked for itself is 1792. */
export function isReadOnlyServer(error: unknown): boolean {
  const number = numberOf(error);
  // 1290 names the option of the server that is in the way.
  return number === 1836 || (number === 1290 && error instanceof Error && /read[-_]only/i.test(error.message));
}

export function describeConnectFailure(error: unknown): ConnectFailure {
  const number = numberOf(error);
  const remedy = remedies.get(number);
  return {
    error,
    transient: transientRefusals.has(number),
    ...(remedy === undefined || !(error instanceof Error) ? {} : { says: error.message, remedy }),
  };
}

function numberOf(error: unknown): number {
  const number = fieldOf(error, 'errno');
  return typeof number === 'number' ? number : 0;
}
