/** `error`: something fails, or data is at risk. `warning`: it will under load, or after a failure. `note`: worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/** Something that is wrong, or worth knowing. */
export interface Finding {
  /** Stable across versions; each is described in docs/doctor.md. */
  readonly code: string;
  readonly severity: Severity;
  /** What is there, as a sentence without its full stop. */
  readonly what: string;
  /** What to do about it, in the same form. */
  readonly remedy: string;
  /** A file and line, a table, a setting: where it is, as narrow as it is known. */
  readonly where?: string;
}

/** One thing that is looked at. To add one, write a file with it and add it to the list of its kind. */
export interface Check<Subject> {
  /** What is looked at, for the progress and where it could not be. */
  readonly name: string;
  look(subject: Subject): Promise<readonly Finding[]> | readonly Finding[];
}

/** What the command line says of the program. */
export interface Settings {
  /** How many processes of the program there are. */
  readonly processes: number;
  /** The most connections of each. */
  readonly budget: number;
  /** How long a server may take to answer, in milliseconds. */
  readonly timeout: number;
  /** The time of this machine, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What was looked at, and what was found. */
export interface Examination {
  /** `project`, or the kind of the server. */
  readonly kind: 'project' | 'postgres' | 'mysql' | 'redis';
  /** The folder, or the server without user and password, in words. */
  readonly target: string;
  /** What is there, in words: product, version, pooler. */
  readonly facts: readonly string[];
  readonly findings: readonly Finding[];
}
