import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientIdentity } from '../context/index.ts';
import { sharedByCopies } from '../core/index.ts';

const boundHere = sharedByCopies('bound-handle', () => new AsyncLocalStorage<ClientIdentity | undefined>());

/** Runs what a bound handle begins by itself, with no scope of its own: a transaction by hand, those of migrations. */
export function asBound<Result>(client: ClientIdentity, begin: () => Result): Result {
  return boundHere.run(client, begin);
}

/** Runs a function of the program that a bound handle calls: other handles in it are not bound for that. */
export function asProgram<Result>(body: () => Result): Result {
  return boundHere.run(undefined, body);
}

/** Whether what begins here is a handle that is bound to the client. */
export function isBoundHere(client: ClientIdentity): boolean {
  return boundHere.getStore() === client;
}
