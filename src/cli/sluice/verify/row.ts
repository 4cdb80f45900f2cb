/** `notChecked`: it could not be found out, for a reason that is not the server's way of working. */
export type Verdict = 'holds' | 'doesNotHold' | 'notApplicable' | 'notChecked';

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly verdict: Verdict;
  /** Sluice promises it on such a server: if it does not hold, something is wrong. Otherwise it is a limit that Sluice copes with. */
  readonly required: boolean;
  /** What was seen, or what it means for the program, as a sentence without its full stop. */
  readonly meaning: string;
}

/** Rows that belong together. */
export interface Section {
  readonly topic: string;
  readonly rows: readonly Row[];
}

/** The row of something that holds, and of something that does not. */
export function required(name: string, problems: readonly string[], meaning: string): Row {
  if (problems.length === 0) return { name, verdict: 'holds', required: true, meaning };
  return { name, verdict: 'doesNotHold', required: true, meaning: problems.join('; ') };
}

/** The row of something that a server may lack without harm. */
export function optional(name: string, holds: boolean, meaning: string): Row {
  return { name, verdict: holds ? 'holds' : 'doesNotHold', required: false, meaning };
}

export function notApplicable(name: string, meaning: string): Row {
  return { name, verdict: 'notApplicable', required: false, meaning };
}
