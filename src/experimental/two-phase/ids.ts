import { createHash, randomBytes } from 'node:crypto';

/** What the name of everything that is prepared here begins with. */
const prefix = 'sluice2pc';

/** What is in the name of a part: where its decision is written, and when it was begun, in milliseconds since 1970. */
export interface PartName {
  /** Names the whole transaction in the table of decisions. */
  readonly id: string;
  readonly home: string;
  readonly begunAt: number;
  /** A hash of the name of the client whose part it is: databases of one server may all list it. Nothing in names of earlier versions. */
  readonly mark: string | undefined;
}

/** Names a transaction. @param home names the database in which its decision is written */
export function newId(home: string): string {
  return [prefix, home, Date.now().toString(36), randomBytes(8).toString('hex')].join('_');
}

/** Names its part on one client for the server, among all of all databases of that; in the 64 bytes that MariaDB and MySQL take. */
export function partName(id: string, index: number, clientName: string): string {
  return `${id}_${index}_${markOf(clientName)}`;
}

/** What names a client in the names of its parts. */
export function markOf(clientName: string): string {
  return createHash('sha256').update(clientName).digest('hex').slice(0, 6);
}

const form = new RegExp(
  String.raw`^(${prefix}_([0-9a-f]{16})_([0-9a-z]{1,9})_[0-9a-f]{16})_\d{1,2}(?:_([0-9a-f]{6}))?$`,
);

/** Reads what a server calls a prepared transaction; nothing for those of others. */
export function readPartName(name: string): PartName | undefined {
  const [, id, home, time, mark] = form.exec(name) ?? [];
  if (id === undefined || home === undefined || time === undefined) return undefined;
  return { id, home, begunAt: Number.parseInt(time, 36), mark };
}
