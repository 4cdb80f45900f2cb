import { randomBytes } from 'node:crypto';

/** What the name of everything that is prepared here begins with. */
const prefix = 'sluice2pc';

/** What is in the name of a part: where its decision is written, and when it was begun, in milliseconds since 1970. */
export interface PartName {
  /** Names the whole transaction in the table of decisions. */
  readonly id: string;
  readonly home: string;
  readonly begunAt: number;
}

/** Names a transaction. @param home names the database in which its decision is written */
export function newId(home: string): string {
  return [prefix, home, Date.now().toString(36), randomBytes(8).toString('hex')].join('_');
}

/** Names its part on one client for the server, among all of all databases of that. */
export function partName(id: string, index: number): string {
  return `${id}_${index}`;
}

const form = new RegExp(String.raw`^(${prefix}_([0-9a-f]{16})_([0-9a-z]{1,9})_[0-9a-f]{16})_\d{1,2}$`);

/** Reads what a server calls a prepared transaction; nothing for those of others. */
export function readPartName(name: string): PartName | undefined {
  const [, id, home, time] = form.exec(name) ?? [];
  if (id === undefined || home === undefined || time === undefined) return undefined;
  return { id, home, begunAt: Number.parseInt(time, 36) };
}
