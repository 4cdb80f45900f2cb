import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import type { Database } from '../database/index.ts';
import { Member } from './fleet/member.ts';
import { databasesOf, type JoinFleetOptions, readJoinOptions } from './options.ts';
import { watched } from './watched.ts';

/** A process that answers inspectors in other processes. Made by `joinFleet`. */
export interface FleetMember extends AsyncDisposable {
  /** Answers no more, and disconnects. */
  close(): Promise<void>;
}

/**
 * Lets inspectors in other processes ask this one what it does. It sends nothing by itself, and counts nothing as long as no
 * inspector asks.
 *
 * ```ts
 * const member = joinFleet(database, { name: 'worker', fleet });
 * ```
 * @param database what is shown of this process: one, or a list of several
 * @throws InvalidOptionError
 */
export function joinFleet(database: Database | readonly Database[], options: JoinFleetOptions): FleetMember {
  const databases = databasesOf('joinFleet', database);
  const read = readJoinOptions(options);
  const { fleet: bus } = read;
  const { process, attention } = watched(databases, read);
  const member = new Member(process, bus, attention);
  runInFrame(undefined, () => bus.open((text) => member.hear(text), report), undefined);
  const close = async (): Promise<void> => {
    await member.leave();
    attention.close();
    await bus.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}

function report(error: unknown): void {
  reportBackgroundError({ source: 'inspector: the fleet', error });
}
