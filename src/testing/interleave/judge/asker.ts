import type { ErrorDetails } from '../../../core/index.ts';

/** For whom rows are compared, in the words of its errors. */
export interface Asker {
  readonly name: string;
  /** What the rows are compared after. */
  readonly each: string;
  /** What can be done instead of comparing rows, as the end of a list of remedies. */
  readonly otherwise: string;
  readonly error: (details: ErrorDetails) => Error;
}
