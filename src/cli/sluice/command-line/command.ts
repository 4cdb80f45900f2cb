/** An option of a command. */
export interface CommandOption {
  /** What stands behind it; an option without one is on or off. */
  readonly value?: string;
  /** What it does, for the help. */
  readonly about: string;
  /** Without it the command is refused. */
  readonly isRequired?: boolean;
}

/** What a command was given, as text. */
export interface Given {
  /** The options that have a value. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** The options that are on. */
  readonly flags: ReadonlySet<string>;
  /** What stands behind the command besides its options. */
  readonly positionals: readonly string[];
}

/** A command of the program. To add one, add an entry to commands.ts. */
export interface Command {
  readonly name: string;
  /** One line that says what it is for. */
  readonly about: string;
  /** What stands behind it, such as `[URL...]`, and how many of them there may be. */
  readonly positionals?: { readonly label: string; readonly least: number; readonly most: number };
  readonly options: Readonly<Record<string, CommandOption>>;
  /** What else its help says. */
  readonly notes?: string;
  /** Does it. Its modules are loaded here, so that a command needs no package of another one. @returns the exit code */
  run(given: Given): number | Promise<number>;
}

/** The command line was not understood: the message says what is wrong with it. */
export class UsageError extends Error {
  /** The command that it was meant for, if that was understood. */
  readonly command: Command | undefined;

  constructor(message: string, command?: Command) {
    super(message);
    this.command = command;
  }
}
